"""Makes sure that a worker runs the implementation that it was asked to run.

Two versions of a module have one name, so the wrong one could be imported unnoticed.
"""

import os
import sys

from ..request import VerifyError


def import_from_export(root: str, export: str) -> None:
    """Replaces the folders of a repository in `sys.path` by their exported versions.

    Args:
        root: The folder of the repository.
        export: The folder with the files of a revision.
    """
    for number, place in enumerate(sys.path):
        moved = _moved(place or os.getcwd(), root, export)
        if moved and os.path.isdir(moved):
            sys.path[number] = moved


def check_origin(tested, path: str, moved: list[str] | None) -> None:
    """Checks that the class and the modules come from the right files.

    Args:
        tested: The `ClassUnderTest`.
        path: The file that was asked for.
        moved: The folder of a repository and of its export, or `None`.

    Raises:
        VerifyError: If a module was imported from the working tree instead of the
            revision, or if the function of `--build` makes the class of another file.
    """
    if moved:
        _check_modules(*moved)
    if tested.build is None:
        return
    from ..module_classes import own_classes  # imports Keras

    asked = os.path.realpath(path)
    own = {name for module in _modules(asked) for name in own_classes(module)}
    files = {}
    for base in type(tested.build()[0]).__mro__:
        file = getattr(sys.modules.get(base.__module__), "__file__", None) or asked
        files.setdefault(base.__name__, set()).add(os.path.realpath(file))
    for name, places in files.items():
        if name in own and asked not in places:
            raise VerifyError(
                f"The function of --build makes the {name} of "
                f"{os.path.relpath(min(places))}, not of {os.path.relpath(asked)}.",
                "Name a function of the other file: --against-build FILE:FUNCTION.",
                code="build-invalid",
            )


def _modules(file: str) -> list:
    """Returns the imported modules that are a file."""
    found = [(m, getattr(m, "__file__", None)) for m in [*sys.modules.values()]]
    return [m for m, f in found if isinstance(f, str) and os.path.realpath(f) == file]


def _check_modules(root: str, export: str) -> None:
    """Raises an error if a module of the revision came from the working tree."""
    ours = __name__.partition(".")[0]
    for name, module in [*sys.modules.items()]:
        file = getattr(module, "__file__", None)
        if not isinstance(file, str) or name.partition(".")[0] == ours:
            continue
        moved = _moved(file, root, export)
        if moved and os.path.isfile(moved):
            raise VerifyError(
                f"The revision imports {name} from the working tree: "
                f"{os.path.relpath(file)}.",
                "The package may be installed in editable mode. Check out the revision "
                "with `git worktree add`, and name the file in it.",
                code="revision-invalid",
            )


def _moved(path: str, root: str, export: str) -> str | None:
    """Returns where a path of the repository is in the export."""
    real, root = os.path.realpath(path), os.path.realpath(root)
    if real != root and not real.startswith(root + os.sep):
        return None
    return os.path.join(export, os.path.relpath(real, root))
