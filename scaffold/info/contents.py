"""Describes what a file or a folder holds that kscaffold generated."""

import os
from pathlib import Path

from ..errors import KscaffoldError
from ..new_report import options_of
from ..pyproject_table import SETTINGS, read_table
from ..regular_files import as_argument, read
from ..update.outdated import Checked, check
from ..update.update_targets import header_version


def contents(path: str) -> list[dict]:
    """Describes the modules and the projects in a file or a folder.

    Raises:
        WriteError: If the path does not exist, or cannot be read.
    """
    found = []
    for one in check([path]):
        entry = _entry(one)
        # Of a folder, the other entries are still true.
        if one.target == path and entry["kind"] is None and not os.path.isdir(path):
            raise one.error
        found.append(entry)
    return found


def _entry(one: Checked) -> dict:
    """Describes a module or a project, or a file that cannot be read."""
    version, plan = _version(Path(one.target)), one.plan
    kind = "project" if os.path.isdir(one.target) else "module"
    if one.target.endswith(".ipynb"):
        kind = "notebook"
    update = f"kscaffold update {as_argument(one.target)}"
    return {
        "target": one.target,
        "kind": None if one.error and version is None else kind,
        "version": version,
        "command": plan and plan.command,
        "options": plan and options_of(plan.spec),
        "status": one.status,
        "update": update if one.status == "differs" else None,
        "error": one.error and one.error.as_data(),
    }


def _version(path: Path) -> str | None:
    """Returns the version of kscaffold that wrote a target, if it can be read."""
    try:
        if not os.path.isdir(path):
            return header_version(path)
        settings = (read(path / SETTINGS) or b"").decode("utf-8", "replace")
        return read_table(settings)["version"]
    except KscaffoldError:
        return None
