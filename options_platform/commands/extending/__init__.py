"""The command `new`, which writes packages that extend the platform."""
