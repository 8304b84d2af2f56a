"""The commands of `tarevm`, one a file, found by their names.

A command is a module with `SUMMARY`, `add_arguments(parser)` and `run(options, state)`, which returns the
exit status, and where that is a guest's, `FAILURE`: the status of its own faults.
"""
