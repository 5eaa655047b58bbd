"""Prints, compares, previews or writes rendered files, and reports the result.

Each of these four functions returns a list of dicts, one per file, with the path, the
status and, if it is part of the result, the text or the diff.
"""

from importlib.util import find_spec
from pathlib import PurePath

from . import __version__
from .errors import SpecError
from .file_comparison import compare, unified_diff
from .regular_files import as_argument, read
from .rendering import RenderedFile
from .spec import Spec
from .suggestions import did_you_mean
from .target_names import is_notebook, is_project, package_name
from .writing import check_writable, encode, write

MESSAGES = {
    "written": "Wrote {}",
    "would be written": "Would write {}",
    "same": "{} would not change",
    "differs": "{} would change",
    "missing": "{} does not exist",
}


def printed(files: list[RenderedFile]) -> list[dict]:
    """Reports files that are printed, with their text."""
    return [
        {"path": str(file.path), "status": "printed", "text": file.text}
        for file in files
    ]


def named(view: str, files: list[RenderedFile], target: str) -> RenderedFile:
    """Finds the file that `--view` names.

    Args:
        view: The path of the file, with or without the folder of the target.
        files: The files of the target.
        target: The target.

    Raises:
        SpecError: If there is no such file, with the nearest ones.
    """
    folder = target if is_project(target) else PurePath(target).parent
    paths = {file.path.relative_to(folder).as_posix(): file for file in files}
    wanted = PurePath(view).as_posix()
    for path, file in paths.items():
        if wanted in (path, file.path.as_posix()):
            return file
    raise SpecError(
        f"{target} has no file {view!r}.",
        did_you_mean(view, paths),
        code="view-unknown",
    )


def compared(files: list[RenderedFile], diff: bool) -> list[dict]:
    """Compares files with those on the disk. Changes nothing."""
    entries = []
    for file in files:
        old, new = read(file.path), encode(file)
        entry = {"path": str(file.path), "status": compare(old, new)}
        entries.append(
            {**entry, "diff": unified_diff(file.path, old, new)} if diff else entry
        )
    return entries


def previewed(files: list[RenderedFile], force: bool) -> list[dict]:
    """Checks that files can be written, but does not write them."""
    check_writable([file.path for file in files], force)
    return [{"path": str(file.path), "status": "would be written"} for file in files]


def written(files: list[RenderedFile], force: bool) -> list[dict]:
    """Writes files."""
    return [
        {"path": str(path), "status": "written"} for path in write(files, force=force)
    ]


def as_data(spec: Spec, target: str, entries: list[dict]) -> dict:
    """Returns the result of a command for `--json`."""
    return {
        "version": __version__,
        "target": target,
        "command": spec.command(target),
        "options": options_of(spec),
        "files": entries,
    }


def options_of(spec: Spec) -> dict:
    """Returns the values of the options by their names, for `--json`."""
    return {opt.name: getattr(spec, opt.name) for opt in spec.options}


def as_output(entries: list[dict]) -> str:
    """Returns the text for standard output: the code or its diff."""
    return "".join(entry.get("text") or entry.get("diff", "") for entry in entries)


def as_messages(spec: Spec, target: str, entries: list[dict]) -> list[str]:
    """Returns the messages for standard error, with the next command to type."""
    told = [entry for entry in entries if entry["status"] in MESSAGES]
    messages = [MESSAGES[entry["status"]].format(entry["path"]) for entry in told]
    if {entry["status"] for entry in entries} == {"written"}:
        if is_project(target):
            folder, module = as_argument(target), f"{package_name(target)}.train"
            install = "pip install -e '.[test]'"
            messages.append(f"Train it: cd {folder} && {install} && python -m {module}")
        elif spec.demo or is_notebook(target):
            program = "jupyter lab" if is_notebook(target) else "python"
            command = f"{program} {as_argument(target)}"
            missing = [] if all(map(find_spec, ("keras", "jax"))) else ["keras", "jax"]
            needed = ["jupyterlab", "matplotlib"] if is_notebook(target) else []
            needed = dict.fromkeys([*needed, *spec.about["needs"]])
            missing += [name for name in needed if not _is_installed(name)]
            if missing:
                command = f"pip install {' '.join(missing)} && {command}"
            verb = "Open" if is_notebook(target) else "Train"
            messages.append(f"{verb} it: {command}")
    return messages


def _is_installed(package: str) -> bool:
    """Returns whether a distribution is installed."""
    from importlib import metadata  # slow to import, and rarely needed

    try:
        metadata.version(package)
    except metadata.PackageNotFoundError:
        return False
    return True
