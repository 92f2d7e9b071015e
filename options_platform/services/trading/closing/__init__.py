"""Requests that end positions: exits, and exercises of what covers assigned shares."""
