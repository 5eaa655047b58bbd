"""Finds the model class of a module, or checks the class of a model of `--build`."""

import os
import sys
import types

from ..errors import SpecError
from ..target_names import is_notebook
from .build_option import RESULT, build_hint
from .definitions import class_places, meanings
from .keras_classes import is_model, is_of_keras
from .notebook import cells_left_out


def class_of_module(module: types.ModuleType, name: str) -> type:
    """Returns the model class of a module with a name, or its only one.

    Raises:
        SpecError: If there is no such class, if there are several, or if the module
            gives the name two meanings.
    """
    own = own_classes(module)
    named = getattr(module, name, None) if name else None
    if not is_model(named):
        named = None
    if named is None:
        name, named = _only_class(module, own, name)
    _check_one_meaning(module, name, named)
    return named


def own_classes(module: types.ModuleType) -> dict[str, type]:
    """Maps the names of the model classes that a module defines to the classes."""
    names = {}
    for name, value in vars(module).items():
        if is_model(value) and value.__module__ == module.__name__:
            if value not in names or name == value.__name__:
                names[value] = name
    return {name: cls for cls, name in names.items()}


def _only_class(
    module: types.ModuleType, own: dict[str, type], name: str
) -> tuple[str, type]:
    """Returns the only class of a module, or raises an error with the other names."""
    path = module.__file__
    file, shown = os.path.basename(path), os.path.relpath(path)
    if name or not own:
        _check_not_inside(module, name)
    if not own:
        raise SpecError(
            f"{file} defines no subclass of keras.Model.",
            _hint_without_models(module),
            code="class-unknown",
        )
    if name:
        raise SpecError(
            f"{file} has no subclass of keras.Model named {name!r}.",
            f"It defines {', '.join(own)}.",
            code="class-unknown",
        )
    if len(own) > 1:
        raise SpecError(
            f"{file} defines {len(own)} models: {', '.join(own)}.",
            f"Name one, such as {shown}:{next(iter(own))}.",
            code="class-ambiguous",
        )
    return next(iter(own.items()))


def _hint_without_models(module: types.ModuleType) -> str:
    """Returns what to do about a module that defines no model class."""
    path = module.__file__
    imported = [name for name, value in vars(module).items() if is_model(value)]
    if imported:
        example = f"{os.path.relpath(path)}:{imported[0]}"
        return f"It imports {', '.join(imported)}. Name one, such as {example}."
    left_out = cells_left_out(path) if is_notebook(path) else []
    if left_out:
        return (
            f"Its cells with magics such as %%bash are not run: {', '.join(left_out)}."
        )
    return "Name a file that defines one."


def _check_not_inside(module: types.ModuleType, name: str) -> None:
    """Raises an error if a function of a module defines a model class of a name."""
    path = module.__file__
    models = {n for n, value in vars(module).items() if is_model(value)}
    places = class_places(path, None if name else models | {"Model", "Sequential"})
    for qualified, [place, *_] in places.items():
        function, inside, cls = qualified.partition(".<locals>.")
        if inside and (not name or name == cls.rpartition(".")[2]):
            raise SpecError(
                f"{os.path.basename(path)} defines {cls} inside {function}(), {place}.",
                build_hint(module, path),
                code="build-missing",
            )


def _check_one_meaning(module: types.ModuleType, name: str, cls: type) -> None:
    """Checks that the module, and the file of the class, use the name only once.

    Raises:
        SpecError: If there are several places, with all of them.
    """
    known = cls.__name__, cls.__module__
    same = [b for b in cls.__mro__ if (b.__name__, b.__module__) == known]
    if len(same) > 1:
        return  # it extends the first class of its name
    uses = [(module, name), (sys.modules.get(cls.__module__, module), cls.__name__)]
    for place, used in dict.fromkeys(uses):
        found = meanings(place, used)
        if len(found) > 1:
            count = "twice" if len(found) == 2 else f"{len(found)} times"
            raise SpecError(
                f"{os.path.basename(place.__file__)} defines {used} {count}: "
                f"{', '.join(found[:-1])} and {found[-1]}.",
                "Rename all but one, or remove them.",
                code="class-ambiguous",
            )


def check_built(module: types.ModuleType, name: str, what: str, cls: type) -> None:
    """Checks that the class of a model of `--build` is the class under test.

    Args:
        module: The file under test.
        name: The class that the user names, or an empty string.
        what: The function, in error messages.
        cls: The class of the model.

    Raises:
        SpecError: If it is Keras's own class, if it has another name, or if it comes
            from another file than the only models of the file under test.
    """
    file = os.path.basename(module.__file__)
    bases = [base for base in cls.__mro__ if not is_of_keras(base)]
    if name:
        if name not in [base.__name__ for base in bases]:
            raise SpecError(
                f"{what} returns a {cls.__name__}, not a {name}.",
                f"Return {RESULT} of the class under test.",
                code="build-invalid",
            )
        _check_same_place(module, name, what, bases)
    elif not is_model(cls):
        raise SpecError(
            f"{what} returns a {cls.__name__}, which is Keras's own class.",
            "Return a model of the class whose training step is to be tested.",
            code="build-invalid",
        )
    elif not _belongs(module, bases):
        raise SpecError(
            f"{what} returns a {cls.__name__} of {_file(cls)}, but {file} defines "
            f"{', '.join(own_classes(module))}.",
            "Name the file of the class that the function returns.",
            code="build-invalid",
        )


def _check_same_place(
    module: types.ModuleType, name: str, what: str, bases: list[type]
) -> None:
    """Raises an error if the file has a class of the name, and it is not a base."""
    named = getattr(module, name, None)
    if not is_model(named):
        return
    _check_one_meaning(module, name, named)
    built = next(base for base in bases if base.__name__ == name)
    if (built.__qualname__, _path(built)) != (named.__qualname__, _path(named)):
        file = os.path.basename(module.__file__)
        raise SpecError(
            f"{what} returns the {name} of {_where(built)}, but {file}:{name} is the "
            f"one of {_where(named)}.",
            "Name the file alone to test the class of the returned model.",
            code="build-invalid",
        )


def _belongs(module: types.ModuleType, bases: list[type]) -> bool:
    """Whether a class with these bases can be the one that the user means."""
    names = {base.__name__ for base in bases}
    here = os.path.realpath(module.__file__) in map(_path, bases)
    return here or bool(names & {*vars(module)}) or not own_classes(module)


def _path(cls: type) -> str:
    """Returns the path of the file of a class, or an empty string."""
    file = getattr(sys.modules.get(cls.__module__), "__file__", None)
    return os.path.realpath(file) if file else ""


def _file(cls: type) -> str:
    """Returns the name of the file of a class."""
    return os.path.basename(_path(cls)) or cls.__module__


def _where(cls: type) -> str:
    """Returns the file of a class, and its lines if the file is known."""
    places = class_places(_path(cls)).get(cls.__qualname__, [])
    return ", ".join([_file(cls), *places])
