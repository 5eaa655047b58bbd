"""Checks the names of parts, which become names in the generated code."""

import builtins
import keyword
import re
from collections.abc import Iterable

from .errors import SpecError
from .keras_names import MODEL_NAMES

#: The longest name of a part, so that lines with it fit.
LONGEST_NAME = 24
#: Names in the generated code that a part would hide. `build_model()` takes `model`.
CODE_NAMES = frozenset("""
    ema_decay functools has_transformations inspect input_gradients itertools jax keras
    kwargs labelled loss math model network noise np operator optax os others output_sum
    outputs own_variables seed seed_generator self step_counter training unlabelled
    update_averages x y
    """.split())

#: What the generated code derives from the name of an optimizer.
DERIVED = ("optimizer", "loss", "loss_tracker", "variables", "updates")


def check_form(flag: str, name: str) -> None:
    """Checks that the generated code can use a name in its own names."""
    if not re.fullmatch("[a-z][a-z0-9_]*", name):
        raise SpecError(
            f"{flag} {name!r} is not a valid name.",
            "Use lower-case letters, digits and underscores, such as student.",
        )
    if len(name) > LONGEST_NAME:
        raise SpecError(
            f"{flag} {name!r} is too long.",
            f"Use at most {LONGEST_NAME} characters.",
        )


def check_name(flag: str, name: str) -> None:
    """Checks that a network's name can be an argument and an attribute of the class."""
    check_form(flag, name)
    if keyword.iskeyword(name) or hasattr(builtins, name):
        where = "Python has a word of this name"
    elif name in MODEL_NAMES:
        where = "keras.Model has an attribute of this name"
    elif name in CODE_NAMES:
        where = "the generated code uses this name"
    else:
        return
    raise SpecError(f"{flag} {name!r} is taken: {where}.", "Choose another name.")


def check_new(flag: str, name: str, known: dict[str, str]) -> None:
    """Checks that no other network has the name."""
    if name not in known:
        return
    if known[name] == flag:
        hint = "Name it once."
    elif flag == "--frozen":
        hint = f"To freeze it, leave out --network {name}."
    else:
        hint = f"{flag} adds a network of its own. Choose another name for it."
    raise SpecError(f"{flag} {name}: another network has this name.", hint)


def check_derived(optimizers: Iterable[str], known: dict[str, str]) -> None:
    """Checks the names that the class derives from the names of the optimizers."""
    taken = {*MODEL_NAMES, *CODE_NAMES, *known}
    for name in optimizers:
        derived = {f"{name}_{ending}" for ending in DERIVED}
        for clash in sorted(derived & taken):
            raise SpecError(
                f"The optimizer {name} needs the name {clash}, which is taken.",
                "Choose another name: --optimizer NAME=NETWORK",
            )
        taken |= derived
