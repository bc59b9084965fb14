"""Error messages on one line."""

_LONGEST = 300  # characters; NumPy quotes whole headers, for example


def one_line(error: Exception) -> str:
    """The message of an error on one short line, or the error's name if it has no message.

    >>> one_line(ValueError("first\\n  second"))
    'first second'
    >>> one_line(MemoryError())
    'MemoryError'
    >>> len(one_line(ValueError("a header of 10,000 characters" * 1000)))
    303
    """
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
