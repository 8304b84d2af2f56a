"""The schema, the store, statistics and comparison of runs."""
