"""Whether a planned order may be sent, and for how many contracts."""
