"""Imports the file under test as a module, in its package if it is in one."""

import importlib
import importlib.util
import os
import re
import sys
import types
from importlib.machinery import ModuleSpec, SourceFileLoader

from ..target_names import is_notebook
from .notebook import NotebookLoader

#: The names that other code imports: a file of the same name gets another one.
_TAKEN = {*sys.modules, *sys.stdlib_module_names}

#: What the root folder of a project has.
_ROOT = ("pyproject.toml", "setup.py", "setup.cfg", ".git")


def import_file(path: str) -> types.ModuleType:
    """Imports a file again, as part of its package if it is in one.

    A folder with an `__init__.py` is a package. A folder without one is a package if a
    relative import needs it.

    Args:
        path: The file: Python source or a notebook.

    Raises:
        Exception: What the file raises.
    """
    os.environ.setdefault("MPLBACKEND", "agg")  # a window would wait for its user
    path = os.path.abspath(path)
    folder, file = os.path.split(path)
    parts = [os.path.splitext(file)[0]]
    while os.path.isfile(os.path.join(folder, "__init__.py")):
        folder, package = os.path.split(folder)
        parts.insert(0, package)
    parts = parts[:-1] if parts[-1] == "__init__" and parts[1:] else parts
    # Last, they shadow no installed module.
    sys.path += [other for other in _project_folders(path) if other not in sys.path]
    while True:
        try:
            return _import(path, folder, parts)
        except ImportError as error:
            outer, package = os.path.split(folder)
            if "attempted relative import" not in str(error) or not package:
                raise
            folder, parts = outer, [package, *parts]


def import_alone(path: str) -> types.ModuleType:
    """Imports a file that no other module needs to import."""
    spec = importlib.util.spec_from_file_location("verified", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _import(path: str, folder: str, parts: list[str]) -> types.ModuleType:
    """Imports a file under a dotted name, whose first part is in the folder."""
    # First in the path: another folder may have a file of the same name.
    sys.path[:] = [folder, *(other for other in sys.path if other != folder)]
    top, *inner = [_name(parts[0]), *parts[1:]]
    if not inner:
        _forget(top)
        return _execute(top, path)
    inner[-1] = _name(inner[-1], inner=True)
    name = ".".join([top, *inner])
    sys.modules.pop(name, None)
    try:
        _import_package(top, os.path.join(folder, parts[0]))
        importlib.import_module(name.rpartition(".")[0])
        # The package may have imported the file.
        return sys.modules.get(name) or _execute(name, path)
    except ImportError:
        _forget(top)
        raise


def _name(part: str, inner: bool = False) -> str:
    """Returns a module name for a file or a folder."""
    name = re.sub(r"\W", "_", part)
    taken = name != part or (name in _TAKEN and not inner)
    return f"{name}_" if taken else name


def _import_package(name: str, folder: str) -> None:
    """Imports the package in a folder, unless it is imported already."""
    known = sys.modules.get(name)
    if known is not None and folder in getattr(known, "__path__", ()):
        return
    _forget(name)
    start = os.path.join(folder, "__init__.py")
    if os.path.isfile(start):
        _execute(name, start)
        return
    spec = ModuleSpec(name, None, is_package=True)
    spec.submodule_search_locations = [folder]
    sys.modules[name] = importlib.util.module_from_spec(spec)


def _forget(name: str) -> None:
    """Removes a package and its modules from the imported modules."""
    for other in [*sys.modules]:
        if other == name or other.startswith(f"{name}."):
            del sys.modules[other]


def _execute(name: str, path: str) -> types.ModuleType:
    """Runs a file as a new module."""
    loader = NotebookLoader(path) if is_notebook(path) else SourceFileLoader(name, path)
    spec = importlib.util.spec_from_file_location(name, path, loader=loader)
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        sys.modules.pop(name, None)
        raise
    return sys.modules.get(name, module)


def _project_folders(path: str) -> list[str]:
    """Lists where a file may import from: its folder, up to the root of its project."""
    folders = []
    while path != os.path.dirname(path):
        path = os.path.dirname(path)
        folders.append(path)
        if any(os.path.exists(os.path.join(path, name)) for name in _ROOT):
            source = os.path.join(path, "src")
            return [*folders, source] if os.path.isdir(source) else folders
    return folders[:1]
