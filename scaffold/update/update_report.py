"""Reports an update: as data for `--json`, and as messages for people."""

from dataclasses import asdict
from pathlib import Path

from .. import new_report
from ..file_comparison import unified_diff
from ..regular_files import shown
from .update_plan import FileUpdate, UpdatePlan

#: Messages by the status of a file.
DONE = {"added": "Added {}", "updated": "Updated {}", "removed": "Removed {}"}
PLANNED = {
    "would be added": "Would add {}",
    "would be updated": "Would update {}",
    "would be removed": "Would remove {}",
}


def entries(
    plan: UpdatePlan,
    written: bool,
    kept: dict[Path, Path] | None = None,
    diff: bool = False,
) -> list[dict]:
    """Describes the files of a plan.

    Args:
        plan: The plan.
        written: Whether the files were written.
        kept: The paths of kept copies, by the paths of the files.
        diff: Whether to show the changes.

    Returns:
        One dict per file: `path`, `status`, `conflicts`, `problems`, and on request
        `diff`.
    """
    found = []
    for file in plan.files:
        entry = {
            "path": str(file.path),
            "status": _status(file, written),
            "conflicts": [asdict(conflict) for conflict in file.conflicts],
            "problems": list(file.problems),
        }
        if diff:
            entry["diff"] = unified_diff(file.path, file.old, file.new)
        if kept and file.path in kept:
            entry["backup"] = str(kept[file.path])
        found.append(entry)
    return found


def as_data(plan: UpdatePlan, files: list[dict]) -> dict:
    """Returns the result for `--json`, in the form of `kscaffold new --json`."""
    data = new_report.as_data(plan.spec, plan.target, files)
    # A renamed file keeps the name it was generated with.
    return {**data, "command": plan.command}


def as_messages(plan: UpdatePlan, files: list[dict]) -> list[str]:
    """Returns the messages for the user: what changes, and what is left to do."""
    messages = []
    for entry in files:
        path = shown(Path(entry["path"]))
        form = {**DONE, **PLANNED}.get(entry["status"])
        messages += [form.format(path)] if form else []
        messages += [f"Kept {entry['backup']}"] if "backup" in entry else []
        for conflict in entry["conflicts"]:
            where = f", in {conflict['where']}" if conflict["where"] else ""
            lines = f"lines {conflict['first']} to {conflict['last']}"
            messages.append(f"Conflict in {path}, {lines}{where}")
        messages += [f"Look at {path}: {problem}" for problem in entry["problems"]]
    written = any(entry["status"] in DONE for entry in files)
    if not plan.changes and not plan.needs_a_look:
        messages.append(f"{shown(Path(plan.target))} is up to date")
    elif plan.needs_a_look and not written:
        messages.append("Nothing was changed.")
    elif any(entry["conflicts"] for entry in files):
        messages.append(
            "Resolve each conflict: keep the lines you want, and remove the markers."
        )
    return messages


def _status(file: FileUpdate, written: bool) -> str:
    if not file.changes:
        return "same"
    verb = "added" if file.old is None else "updated"
    verb = "removed" if file.text is None else verb
    return verb if written else f"would be {verb}"
