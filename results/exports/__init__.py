"""A format a file; its name is the file's with hyphens (see `results.export`)."""
