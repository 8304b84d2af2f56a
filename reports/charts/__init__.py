"""One chart a file, named after its scenario."""
