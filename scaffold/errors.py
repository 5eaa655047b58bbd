"""The errors that kscaffold raises: each says what is wrong and what to do."""


class KscaffoldError(Exception):
    """Something that the user can put right.

    Attributes:
        message: What is wrong, in one sentence.
        hint: What to do about it, or an empty string.
        exit_code: The exit status of the command line, always 2 for an error.
    """

    exit_code = 2

    def __init__(self, message: str, hint: str = ""):
        """Takes what is wrong, and what to do."""
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self):
        """Returns the message and the hint."""
        return f"{self.message} {self.hint}".rstrip()


class SpecError(KscaffoldError):
    """An option has a value that it cannot have, alone or beside the others."""


class TemplateError(KscaffoldError):
    """A template is broken: it fails to render, or renders to invalid Python."""


class ConfigError(KscaffoldError):
    """The target's `pyproject.toml` cannot be read, or Black refuses what it says."""


class RecordError(KscaffoldError):
    """The record of the text as it was generated is lost or damaged."""


class MergeError(KscaffoldError):
    """A file cannot be merged as it is, or nothing is there that merges."""


class WriteError(KscaffoldError):
    """A file cannot be read or written, or is there already."""


def did_you_mean(word: str, words, otherwise: str = "") -> str:
    """Returns a hint with the nearest of some words, in any case.

    Args:
        word: What the user typed.
        words: What could have been meant.
        otherwise: The hint if nothing is near; the default lists the words.
    """
    from difflib import get_close_matches  # only for a typo

    by_lower_case = {known.lower(): known for known in words}
    close = get_close_matches(word.lower(), by_lower_case, n=1)
    if close:
        return f"Did you mean {by_lower_case[close[0]]}?"
    return otherwise or f"Choose from {', '.join(words)}."
