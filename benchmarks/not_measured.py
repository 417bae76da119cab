"""Why there is no figure."""


class NotMeasuredError(Exception):
    """Something cannot be measured here; the message says why."""
