"""The errors that a user of the toolbox can meet, each with a name of its own.

Every message is one sentence or two: what is wrong, where, the value, and the remedy.
"""


class ForgeryToolboxError(Exception):
    """Base of all errors that bad input raises; the command line prints them as one line.

    Attributes:
        is_passing: Whether the reason lies with the machine of today, so that it says nothing of
            the input.
    """

    is_passing: bool = False


class ArgumentError(ValueError):
    """An argument is out of its range, or a tensor has another shape than is expected.

    The command line prints it as one line, too. It is about a call and not about a file, so what
    goes on after a file that failed does not go on after this.
    """


class AnnotationError(ForgeryToolboxError, ValueError):
    """An annotation file, row or field breaks the format."""


class MissingDataError(ForgeryToolboxError, FileNotFoundError):
    """A file or folder that is needed is missing or empty."""

    def __str__(self) -> str:
        # OSError formats its arguments as "[Errno ...]"; the message alone is wanted.
        return str(self.args[0]) if self.args else ""


class UndecodableMediaError(ForgeryToolboxError, RuntimeError):
    """A media file exists, but cannot be decoded."""


class DecoderStoppedError(UndecodableMediaError):
    """The process that decodes a file died or gave no answer; of the file nothing is known."""

    is_passing = True


class MissingBackendError(ForgeryToolboxError, ImportError):
    """An optional package that is needed is not installed."""


class CheckpointMismatchError(ForgeryToolboxError, RuntimeError):
    """A checkpoint does not fit the model that should load it."""


class ConfigError(ForgeryToolboxError, ValueError):
    """A config names something that does not exist, or values that do not fit together."""


class NonFiniteObjectiveError(ForgeryToolboxError, FloatingPointError):
    """A training objective, or its gradient, became infinite or not a number."""


class NonFiniteScoreError(ForgeryToolboxError, FloatingPointError):
    """A model returned a score that is not a number for a clip that was read."""


class UnwritableFileError(ForgeryToolboxError, OSError):
    """A file cannot be written: no space, no permission, or a folder has its name."""

    def __str__(self) -> str:
        # OSError formats its arguments as "[Errno ...]"; the message alone is wanted.
        return str(self.args[0]) if self.args else ""
