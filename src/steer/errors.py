"""The exception for errors that the user can fix: printed as a single line, without a traceback."""


class UserError(Exception):
    """Bad input. The message names the file or field and the remedy; `steer` prints it and exits with 2."""
