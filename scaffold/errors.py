"""The errors that kscaffold raises. Each has a code, a message and a hint."""


class KscaffoldError(Exception):
    """An error the user can fix.

    Attributes:
        message: What happened, in one sentence.
        hint: What to do, or an empty string.
        code: A stable name of the error, for programs. `error_codes.py` lists them.
        exit_code: The exit status of the command line.
    """

    code = "error"
    exit_code = 2

    def __init__(self, message: str, hint: str = "", code: str = ""):
        """Initializes the error. Without a code, it has the code of its class."""
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.code = code or type(self).code

    def __str__(self):
        """Returns the message and the hint."""
        return f"{self.message} {self.hint}".rstrip()

    def as_data(self) -> dict[str, str]:
        """Returns the error as data for `--json`."""
        return {"code": self.code, "message": self.message, "hint": self.hint}


class SpecError(KscaffoldError):
    """An option has an invalid value, or two options contradict each other."""

    code = "option-invalid"


class TemplateError(KscaffoldError):
    """A template fails to render, or renders invalid Python."""

    code = "template-broken"


class ConfigError(KscaffoldError):
    """The Black settings in a `pyproject.toml` are invalid or cannot be read."""

    code = "settings-invalid"


class RecordError(KscaffoldError):
    """The record in a generated file is missing or damaged."""

    code = "record-invalid"


class MergeError(KscaffoldError):
    """A file cannot be merged, or the package `merge3` is not installed."""

    code = "merge-failed"


class WriteError(KscaffoldError):
    """A file cannot be read or written, or already exists."""

    code = "file-inaccessible"
