"""Storage drivers, one a file; each offers its class as `DRIVER`, and runtime.storage.registry finds it."""
