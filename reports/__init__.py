"""Table, charts and HTML of a run."""
