"""The figures the project holds itself to, as benchmarks."""
