"""Turns the results of a case into named values, and values into exact text.

A scalar is its dtype and its shortest decimal form: `float32 0.25`. Any other array is
its dtype, its shape and its bytes: `float32[2,3] ...` in Base64, little-endian.
"""

import base64
import re
from typing import NamedTuple

import numpy as np

#: The kinds of dtypes whose scalars have an exact decimal form.
DECIMAL = ("float32", "float64", "int32", "int64", "uint32", "bool")

#: Values that locate a change. They are not compared by themselves.
TRACE, TRAINABLE, DATA = "trace", "trainable", "data"

_TEXT = re.compile(r"(\w+)(?:\[([\d,]*)\])? ([\w+/=.-]*)", re.ASCII)


class Numbers(NamedTuple):
    """The numbers of one implementation in one case.

    Attributes:
        values: An array for each path, such as `steps/0/loss` or `weights/3`.
        names: The paths of the variables, such as `dense/kernel`, by those keys.
    """

    values: dict[str, np.ndarray]
    names: dict[str, str]


def flatten(results: dict) -> Numbers:
    """Returns the values of nested dicts and lists, in order.

    Variables are numbered, because two implementations may name them differently. What
    `evaluate()` returns as a list and the weights after it are left out if they repeat
    other values.

    Args:
        results: What `run_case.run()` returns.
    """
    values, names = {}, {}

    def visit(path, node):
        if isinstance(node, dict):
            for key, value in node.items():
                name, mark, number = str(key).rpartition("#")
                if mark:
                    names[f"{path}/{number}"] = name
                visit(f"{path}/{number if mark else key}", value)
        elif isinstance(node, list | tuple):
            for index, value in enumerate(node):
                visit(f"{path}/{index}", value)
        elif node is not None:
            values[path] = np.asarray(node)

    for part, result in results.items():
        visit(part, result)
    after = results.get("weights_after") or ()
    for number in range(len(after)):
        key, before = f"weights_after/{number}", f"weights/{number}"
        if before in values and equal(values[key], values[before]):
            del values[key]
        elif before in names:
            names[key] = names[before]
    as_list, as_dict = results.get("evaluate_list"), results.get("evaluate")
    if isinstance(as_list, list) and isinstance(as_dict, dict):
        if [*map(float, as_list)] == [*map(float, as_dict.values())]:
            for number in range(len(as_list)):
                del values[f"evaluate_list/{number}"]
    return Numbers(values, names)


def equal(a: np.ndarray, b: np.ndarray) -> bool:
    """Returns whether two arrays are equal to the last bit. NaN equals NaN."""
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    return a.tobytes() == b.tobytes() or np.array_equal(
        a, b, equal_nan=a.dtype.kind == "f"
    )


def encode(array: np.ndarray) -> str:
    """Returns an array as text, exactly."""
    name = array.dtype.name
    if not array.ndim and name in DECIMAL:
        return f"{name} {array.item() if name == 'bool' else array[()]!s}"
    little = array.astype(array.dtype.newbyteorder("<"), order="C")
    data = base64.b64encode(little.tobytes()).decode("ascii")
    return f"{name}[{','.join(map(str, array.shape))}] {data}"


def decode(text: str) -> np.ndarray:
    """Returns the array that `encode()` turned into text.

    Raises:
        ValueError: If it is no such text.
    """
    try:
        name, shape, data = _TEXT.fullmatch(text).groups()
        dtype = _dtype(name)
        if shape is not None:
            dims = tuple(int(n) for n in shape.split(",") if n)
            raw = base64.b64decode(data, validate=True)
            array = np.frombuffer(raw, dtype.newbyteorder("<"))
            return array.astype(dtype).reshape(dims)
        if name not in DECIMAL:
            raise ValueError(name)
        value = {"True": True, "False": False}[data] if name == "bool" else data
        return np.array(value, object).astype(dtype)
    except (LookupError, OverflowError, AttributeError, TypeError, ValueError):
        raise ValueError(f"{str(text)[:40]!r} is not a number") from None


def _dtype(name: str) -> np.dtype:
    """Returns a dtype of numbers by its name: NumPy's or one that JAX adds."""
    try:
        dtype = np.dtype(name)
    except TypeError:
        import ml_dtypes

        dtype = np.dtype(getattr(ml_dtypes, name))
    if dtype.name != name or dtype.kind not in "biufcV" or not dtype.itemsize:
        raise ValueError(name)
    return dtype
