"""Error messages on one line."""


def one_line(error: Exception) -> str:
    """The message of an error with all line breaks replaced by spaces.

    >>> one_line(ValueError("first\\n  second"))
    'first second'
    """
    return " ".join(str(error).split())
