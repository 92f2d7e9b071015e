"""The pages of the dashboard: what each shows of a home at one moment, and their templates.

A page is a function from a `View` to the content of its template; `pages.py` lists them. Everything
is read from the published copy. The server, its token and what it lets a person do are in
`serving/dashboard/`.
"""
