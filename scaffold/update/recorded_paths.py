"""Checks what a project's `pyproject.toml` says about the project's files.

Anybody can have written that file. An update must act on nothing outside the project's
folder, and on no file that kscaffold does not generate.
"""

from pathlib import Path

from ..errors import RecordError
from ..header import parse_command
from ..pyproject_table import HEADING, SETTINGS
from ..recipes import project_templates
from ..regular_files import check_inside, shown
from ..spec import Spec
from ..target_names import check_target, is_project, package_name

#: The ends of the paths that projects of earlier versions have, and new ones do not.
FORMER = ()


def read_command(folder: Path, section: dict) -> tuple[str, Spec]:
    """Returns the package and the options of a project.

    Args:
        folder: The project.
        section: The table of kscaffold in its `pyproject.toml`.

    Raises:
        SpecError: If the options or the name of the package are invalid.
        RecordError: If the command does not make a project.
    """
    target, spec = parse_command(section["command"])
    if not is_project(target) or target != package_name(target):
        raise RecordError(
            f"The command in {HEADING} of {shown(folder / SETTINGS)} does not make a "
            "project.",
            "Restore it from version control.",
        )
    check_target(target)
    return target, spec


def check_paths(folder: Path, words: dict, package: str, spec: Spec) -> None:
    """Checks the paths of the recorded files, and of those that an update may add.

    Args:
        folder: The project.
        words: The records, by their paths.
        package: The name of the project's package.
        spec: The options of the project.

    Raises:
        RecordError: If this kind of project has no file with a recorded path.
        WriteError: If a path leads out of the folder, through a symbolic link.
    """
    known = {f"{package}/model.py", *project_templates(spec.recipe, package)}
    known |= {f"{package}/{name}" for name in FORMER}
    for path in words:
        if path not in known:
            raise RecordError(
                f"{shown(folder / SETTINGS)} has a record of {path!r}, which is not a "
                "file of such a project.",
                "Restore the section [tool.kscaffold.base] from version control.",
            )
    for path in sorted(known):
        check_inside(folder / path, folder)
