"""What commands print, without the line breaks that a width asks for."""


def flat(text: str) -> str:
    """The text in one line."""
    return " ".join(text.split())
