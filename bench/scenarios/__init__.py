"""One question asked of every subject, one file each."""
