"""Control groups: one driver for each version of the kernel interface, chosen by what the host has mounted."""
