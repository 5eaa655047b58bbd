"""The methods of `--gradient-hook` and `--augment`, which change numbers on purpose.

A comparison leaves out those that are edited. The invariants run with them.
"""

import inspect
from collections.abc import Iterator
from contextlib import contextmanager


def change_gradients(self, gradients):
    """Changes nothing, as in a new file."""
    return gradients


def augment(self, x, y, key):
    """Changes nothing, as in a new file."""
    return x, y


#: The methods as they are in a new file.
HOOKS = {function.__name__: function for function in (augment, change_gradients)}


def edited_hooks(cls: type) -> list[str]:
    """Returns the names of the hooks of a class that change something."""
    found = []
    for name, new in HOOKS.items():
        method = getattr(cls, name, None)
        if not inspect.isfunction(method):
            continue
        own = inspect.signature(method).parameters
        same_form = [*own] == [*inspect.signature(new).parameters]
        if same_form and method.__code__.co_code != new.__code__.co_code:
            found.append(name)
    return found


@contextmanager
def without_hooks(cls: type) -> Iterator[str]:
    """Leaves out the edited hooks of a class. Yields which, as words."""
    names = edited_hooks(cls)
    own = {name: vars(cls)[name] for name in names if name in vars(cls)}
    for name in names:
        setattr(cls, name, HOOKS[name])
    try:
        yield " and ".join(f"{name}()" for name in names)
    finally:
        for name in names:
            delattr(cls, name)
            if name in own:
                setattr(cls, name, own[name])
