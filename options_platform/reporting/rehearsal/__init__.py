"""The page of a rehearsal: its figures and its template. What it shows comes from the service."""

from options_platform.reporting.rehearsal.page import render_rehearsal, write_rehearsal

__all__ = ["render_rehearsal", "write_rehearsal"]
