"""Finds what is wrong with the result of a step, before Keras uses it.

Keras unpacks the result in several places. Each would raise another error, which says
nothing about the step. Only results that Keras can never use are wrong here.
"""

from itertools import permutations

import keras

#: The parts of the state of each step.
PARTS = {
    "train_step": ("trainable", "non-trainable", "optimizer", "metrics"),
    "test_step": ("trainable", "non-trainable", "metrics"),
    "predict_step": ("trainable", "non-trainable"),
}


def result_problem(name: str, state: tuple, result) -> str:
    """Returns what is wrong with the result of a step, or an empty string.

    Args:
        name: The name of the step.
        state: The state that it received.
        result: What it returns.
    """
    parts, needed = PARTS[name], "(logs, state)"
    if name == "predict_step":  # it returns (outputs, non_trainable_variables)
        needed = "(outputs, non_trainable_variables)"
        if isinstance(result, tuple | list) and len(result) == 2:
            result = result[0], (state[0], result[1])
    if not isinstance(result, tuple | list):
        return f"{_kind(result)}, not {needed}"
    if len(result) != 2:
        return f"{_kind(result)} of {len(result)}, not {needed}"
    logs, new = result
    if isinstance(new, dict) and isinstance(logs, tuple | list):
        return "(state, logs), not (logs, state)"
    if name == "train_step" and not isinstance(logs, dict):
        return f"logs that are {_kind(logs)}, not a dict"
    if not isinstance(new, tuple | list):
        return f"a state that is {_kind(new)}, not a tuple"
    if len(new) != len(parts):
        return f"a state of {len(new)} parts, not {len(parts)}"
    for part, values in zip(parts, new, strict=True):
        if not isinstance(values, tuple | list):
            return f"a state whose {part} part is {_kind(values)}, not a list"
        if any(value is None for value in values):
            return f"a state whose {part} part has None"
        if any(isinstance(value, keras.Variable) for value in values):
            return f"a state whose {part} part has keras.Variables"
    return _wrong_parts(parts, [*map(_shapes, state)], [*map(_shapes, new)])


def _wrong_parts(parts: tuple, old: list, new: list) -> str:
    """Returns which parts have other arrays than before, or an empty string."""
    if old == new:
        return ""
    for order in permutations(range(len(parts))):
        if [old[i] for i in order] == new:
            names = ", ".join(parts[i] for i in order)
            return f"a state in another order: {names}"
    for part, before, after in zip(parts, old, new, strict=True):
        if len(before) != len(after):
            sizes = f"{len(after)} arrays, not {len(before)}"
            return f"a state whose {part} part has {sizes}"
        if before != after:
            one, other = next(
                p for p in zip(before, after, strict=True) if p[0] != p[1]
            )
            return f"a state whose {part} part has the shape {other}, not {one}"
    return ""


def _shapes(values) -> list[tuple]:
    return [tuple(getattr(value, "shape", ())) for value in values]


def _kind(value) -> str:
    """Returns what a value is, in words."""
    if value is None:
        return "None"
    return "an array" if hasattr(value, "shape") else f"a {type(value).__name__}"
