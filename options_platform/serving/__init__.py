"""How the web UI is served: the home as Dagster's storage, and the report's pages beside it.

`dagster.yaml` of the repository and of every home name `serving.instance`, so it cannot move.
"""
