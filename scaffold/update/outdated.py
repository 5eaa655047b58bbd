"""Finds generated files that are out of date, for `kscaffold check`."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from .. import __version__
from ..errors import KscaffoldError
from ..new_report import as_output as diffs
from ..regular_files import as_argument, file_errors, shown
from .option_changes import OptionChanges
from .update_plan import UpdatePlan
from .update_report import entries
from .update_targets import candidates, check_named, generated, plan_update


@dataclass(frozen=True)
class Checked:
    """The result of checking a module or a project.

    Attributes:
        target: Its path.
        status: `same`, `differs` or `error`.
        files: The updates of its files, as in the output of `--json`.
        error: The error that prevented the check, or `None`.
        plan: The plan of the update, or `None` if there is an error.
    """

    target: str
    status: str
    files: tuple[dict, ...] = ()
    error: KscaffoldError | None = None
    plan: UpdatePlan | None = None


def check(paths: Iterable[str], diff: bool = False) -> list[Checked]:
    """Finds the modules and projects that an update would change.

    Args:
        paths: Files and folders. Files that kscaffold did not generate are skipped.
        diff: Whether to show the changes.
    """
    found = {}
    for path in paths:
        errors = []
        try:
            check_named(path)
            for file in candidates(Path(path), errors):
                _add(file, diff, found)
        except KscaffoldError as error:
            errors.append(error)
        for error in errors:
            found[path, error.message] = Checked(path, "error", error=error)
    return list(found.values())


def exit_code(checked: list[Checked]) -> int:
    """Returns 0 if all are up to date, 1 if one is not, 2 if there was an error."""
    codes = {"same": 0, "differs": 1, "error": KscaffoldError.exit_code}
    return max((codes[one.status] for one in checked), default=0)


def as_data(checked: list[Checked]) -> dict:
    """Returns the result for `--json`."""
    return {
        "version": __version__,
        "checked": [
            {
                "target": one.target,
                "status": one.status,
                "files": list(one.files),
                "error": one.error and one.error.as_data(),
            }
            for one in checked
        ],
    }


def as_output(checked: list[Checked]) -> str:
    """Returns the text for standard output: the changes, if they are requested."""
    return "".join(diffs(one.files) for one in checked)


def as_messages(checked: list[Checked]) -> list[str]:
    """Returns the messages for the user: files out of date, errors, and a summary."""
    messages = []
    for one in checked:
        if one.error:
            messages.append(f"Error: {one.error}")
        elif one.status == "differs":
            command = f"kscaffold update {as_argument(one.target)}"
            messages.append(f"{shown(Path(one.target))} would change: {command}")
    same = sum(one.status == "same" for one in checked)
    return [*messages, f"{same} of {len(checked)} up to date"]


def _add(file: Path, diff: bool, found: dict[object, Checked]) -> None:
    """Checks what a file belongs to, unless this is among the results already."""
    try:
        target = generated(file)
    except KscaffoldError as error:
        found[str(file)] = Checked(str(file), "error", error=error)
        return
    if target is not None and os.path.realpath(target) not in found:
        found[os.path.realpath(target)] = _check(target, diff)


def _check(target: Path, diff: bool) -> Checked:
    """Checks one module or project."""
    try:
        with file_errors(target, "checked"):
            plan = plan_update(str(target), OptionChanges({}))
    except KscaffoldError as error:
        return Checked(str(target), "error", error=error)
    status = "differs" if plan.changes or plan.needs_a_look else "same"
    files = tuple(entries(plan, False, diff=diff))
    return Checked(str(target), status, files, plan=plan)
