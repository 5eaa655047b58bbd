"""The errors that kscaffold raises. Each has a message and a hint."""


class KscaffoldError(Exception):
    """An error the user can fix.

    Attributes:
        message: What happened, in one sentence.
        hint: What to do, or an empty string.
        exit_code: The exit status of the command line.
    """

    exit_code = 2

    def __init__(self, message: str, hint: str = ""):
        """Initializes the error."""
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self):
        """Returns the message and the hint."""
        return f"{self.message} {self.hint}".rstrip()


class SpecError(KscaffoldError):
    """An option has an invalid value, or two options contradict each other."""


class TemplateError(KscaffoldError):
    """A template fails to render, or renders invalid Python."""


class ConfigError(KscaffoldError):
    """The Black settings in a `pyproject.toml` are invalid or cannot be read."""


class RecordError(KscaffoldError):
    """The record in a generated file is missing or damaged."""


class MergeError(KscaffoldError):
    """A file cannot be merged, or the package `merge3` is not installed."""


class WriteError(KscaffoldError):
    """A file cannot be read or written, or already exists."""
