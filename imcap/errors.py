"""The error that means 'your input', not 'our bug'."""


class InputError(ValueError):
    """Something a person handed over cannot be used.

    The message is one line that names the file, the entry in it and the
    remedy; commands print it and exit with status 2, without a traceback.

    Example:
        >>> raise InputError("captions.json: image 7 has no captions; ...")
    """
