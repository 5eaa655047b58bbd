"""Looks up the usual cause and the fix of a failure in `causes.toml`."""

import re
import tomllib
from importlib.resources import files
from typing import NamedTuple

_TEXTS = tomllib.loads(files(__package__).joinpath("causes.toml").read_text("utf-8"))


class Explanation(NamedTuple):
    """What usually causes a failure, and what to do.

    Attributes:
        cause: The cause, as a sentence.
        fix: What to do about it.
        code: A stable name of the cause, for programs. `docs/verify.md` lists them.
    """

    cause: str
    fix: str
    code: str


def of_error(
    name: str, error: str, line: str = "", by_keras: bool = False
) -> Explanation:
    """Returns the explanation of an error.

    Args:
        name: The name of the check that raised it.
        error: Its type and message.
        line: The last line of the user's file that was running.
        by_keras: Whether Keras raised it, and not the user's code.
    """
    for entry in _TEXTS["error"]:
        if not re.search(entry["pattern"], error) or entry.get("line", "") not in line:
            continue
        if entry.get("case", name) == name and by_keras >= entry.get("by_keras", False):
            return Explanation(entry["cause"], entry["fix"], entry["code"])
    raise LookupError(error)  # unreachable: the last pattern matches everything


def of_invariant(name: str) -> Explanation:
    """Returns what usually breaks an invariant."""
    return Explanation(**_TEXTS["invariant"][name])


def finding(name: str, names: str = "") -> Explanation:
    """Returns the explanation of a finding.

    Args:
        name: The finding's key in `causes.toml`.
        names: The logs that the text mentions.
    """
    entry = _TEXTS["finding"][name]
    cause, fix = (entry[key].replace("{names}", names) for key in ("cause", "fix"))
    return Explanation(cause, fix, entry["code"])


def of_mistakes(found: list[tuple[str, ...]]) -> Explanation:
    """Returns the explanation of mistakes that reproduce numbers.

    Args:
        found: Alternatives, each a tuple of the codes of mistakes made together. The
            first is explained.
    """
    entries = [_TEXTS["mistake"][code] for code in found[0]]
    cause, fix = (" ".join(e[key] for e in entries) for key in ("cause", "fix"))
    return Explanation(cause, fix, entries[0]["code"])


def of_ended_process(name: str) -> Explanation:
    """Returns why a process ended during a check, or had no result in time."""
    entry = _TEXTS["process"]["ended"]
    fix = entry["fix"].format(name=name)
    return Explanation(entry["cause"], fix, entry["code"])


def codes() -> dict[str, str]:
    """Returns the cause of each code, in the order of the codes."""
    return dict(sorted((entry["code"], entry["cause"]) for entry in _entries()))


def _entries() -> list[dict]:
    named = [kind for name, kind in _TEXTS.items() if name != "error"]
    return [*_TEXTS["error"], *(entry for kind in named for entry in kind.values())]
