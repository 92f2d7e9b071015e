"""The commands of the command line, one module per subject.

A command takes the parsed arguments, loads the settings, calls a service or a Dagster job, prints
the result for people or as JSON, and returns the exit code. Computation and trading do not belong
here: they are in `domain` and `services`.
"""
