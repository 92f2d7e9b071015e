"""The server of the dashboard: who may see it, what a person may do with it, and its pages.

It listens on 127.0.0.1 alone. What the pages show is in `reporting/dashboard/`.
"""
