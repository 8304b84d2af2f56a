"""Control groups: one driver for each version of the kernel interface, chosen by what is mounted."""
