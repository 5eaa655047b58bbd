"""Imports the file under test."""

import importlib
import importlib.util
import os
import sys
import types


def import_file(path: str) -> types.ModuleType:
    """Imports a file again, as part of its package if it is in one."""
    folder, file = os.path.split(os.path.abspath(path))
    parts = [os.path.splitext(file)[0]]
    while os.path.isfile(os.path.join(folder, "__init__.py")):
        folder, package = os.path.split(folder)
        parts.insert(0, package)
    name = ".".join(parts)
    # First in the path: another folder may have a file of the same name.
    sys.path[:] = [folder, *(other for other in sys.path if other != folder)]
    if not parts[-1].isidentifier():
        return import_alone(path)
    sys.modules.pop(name, None)
    return importlib.import_module(name)


def import_alone(path: str) -> types.ModuleType:
    """Imports a file that no other module needs to import."""
    spec = importlib.util.spec_from_file_location("verified", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
