"""The parent of a detached container's first process, and how it is started."""
