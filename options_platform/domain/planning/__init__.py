"""The trade plan of a session: which strategy, which strikes, how many, and why not.

What an account allows is decided where orders are made, by `domain/risk/`.
"""
