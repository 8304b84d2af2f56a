"""The host's knobs that a measurement is better without or with: what they are, and what they were before."""
