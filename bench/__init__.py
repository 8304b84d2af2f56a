"""The harness: subjects, scenarios, plan, pytest plugin and command line."""
