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
    name: str,
    error: str,
    line: str = "",
    function: str = "",
    source: str = "",
    by_keras: bool = False,
) -> Explanation:
    """Returns the explanation of an error.

    Args:
        name: The name of the check that raised it.
        error: Its type and message, and facts about it.
        line: The user's statement that was running.
        function: The name of the user's function that was running.
        source: The source of that function.
        by_keras: Whether Keras raised it, and no code of the user was running.
    """
    for entry in _TEXTS["error"]:
        found = re.search(entry.get("pattern", ""), error)
        if (
            found
            and re.search(entry.get("line", ""), line)
            and re.search(entry.get("source", ""), source)
            and re.fullmatch(entry.get("function", ".*"), function)
            and entry.get("case", name) == name
            and entry.get("by_keras", by_keras) == by_keras
        ):
            return _explanation(entry, **found.groupdict())
    raise LookupError(error)  # unreachable: the last entry fits everything


def of_invariant(name: str) -> Explanation:
    """Returns what usually breaks an invariant."""
    return _explanation(_TEXTS["invariant"][name])


def finding(name: str, names: str = "") -> Explanation:
    """Returns the explanation of a finding.

    Args:
        name: The finding's key in `causes.toml`.
        names: The logs that the text mentions.
    """
    return _explanation(_TEXTS["finding"][name], names=names)


def of_mistakes(found: list[tuple[str, ...]]) -> Explanation:
    """Returns the explanation of mistakes that reproduce numbers.

    Args:
        found: Alternatives, each a tuple of the codes of mistakes made together. The
            first is explained.
    """
    known = {**_TEXTS["mistake"], "unexplained": _TEXTS["finding"]["unexplained"]}
    entries = [known[code] for code in found[0]]
    cause, fix = (" ".join(e[key] for e in entries) for key in ("cause", "fix"))
    return Explanation(cause, fix, entries[0]["code"])


def of_change(name: str, step: int = 0) -> Explanation:
    """Returns what a difference from another implementation says.

    Args:
        name: The change's key in `causes.toml`.
        step: The number of the first step that it affects.
    """
    return _explanation(_TEXTS["change"][name], step=str(step))


def of_port(kind: str, **values: str) -> Explanation:
    """Returns what a difference between a port and its original says.

    Args:
        kind: The difference's key in `causes.toml`.
        **values: What replaces the names in its texts.
    """
    return _explanation(_TEXTS["ported"][kind], **values)


def of_code(code: str) -> Explanation:
    """Returns the explanation of a code, without the names that texts can mention."""
    [entry, *_] = [entry for entry in _entries() if entry["code"] == code]
    return Explanation(entry["cause"], entry["fix"], code)


def also(code: str) -> tuple[str, ...]:
    """Returns the codes of what a cause brings about as well."""
    found = [e.get("also", ()) for e in _entries() if e["code"] == code]
    return tuple(name for names in found for name in names)


def of_ended_process(name: str) -> Explanation:
    """Returns why a process ended during a check, or had no result in time."""
    return _explanation(_TEXTS["process"]["ended"], name=name)


def codes() -> dict[str, str]:
    """Returns the cause of each code, in the order of the codes."""
    return dict(sorted((entry["code"], entry["cause"]) for entry in _entries()))


def _entries() -> list[dict]:
    named = [kind for name, kind in _TEXTS.items() if name != "error"]
    return [*(entry for kind in named for entry in kind.values()), *_TEXTS["error"]]


def _explanation(entry: dict, **values: str) -> Explanation:
    """Returns the texts of an entry, with values in place of their `{names}`."""
    cause, fix = (
        re.sub(r"\{(\w+)\}", lambda name: values[name[1]], entry[kind])
        for kind in ("cause", "fix")
    )
    return Explanation(cause, fix, entry["code"])
