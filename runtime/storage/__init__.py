"""Union file systems: layers kept once and shared, and a writable root for each container."""
