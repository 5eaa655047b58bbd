"""Compares the results of Keras's own trainer with the results of a class."""

from typing import NamedTuple

import numpy as np

#: The tolerances within which numbers are close.
RTOL, ATOL = 1e-5, 1e-6

#: How many times the difference that rounding causes is allowed.
FACTOR = 10


class Difference(NamedTuple):
    """One value that differs between Keras and the class under test.

    Attributes:
        key: The path of the value, such as `weights/0`.
        text: How it differs.
        close: Whether it is equal within the tolerances.
        size: The largest absolute difference, if both have numbers of one shape.
        name: The path of the variable that differs, if it is one.
    """

    key: str
    text: str
    close: bool = False
    size: float | None = None
    name: str = ""

    @property
    def part(self) -> str:
        """The first part of the path: `history`, `weights`, ..."""
        return self.key.split("/")[0]

    @property
    def is_of_training(self) -> bool:
        """Whether training shows the difference, and not only an evaluation."""
        evaluated = ("evaluate", "evaluate_list", "predict", "weights_after", "order")
        return self.part not in evaluated and "/val_" not in self.key

    def within(self, allowed: dict[str, float]) -> "Difference":
        """Returns the difference, close if rounding explains it.

        Args:
            allowed: The size of the differences that rounding explains, by key.
        """
        if self.close or self.size is None:
            return self
        limit = allowed.get(self.key, 0)
        text = (
            f"{self.text}, where rounding explains {limit:.3g}" if limit else self.text
        )
        return self._replace(text=text, close=self.size <= limit)

    def __str__(self):
        """Returns the path and the difference."""
        return f"{self.name or self.key}: {self.text}"


def summary(found: list[Difference]) -> str:
    """Describes differences: the first step, the first of each part, how many more."""
    steps = [d for d in found if d.key.startswith("steps/")]
    others = [d for d in found if not d.key.startswith("steps/")]
    first = {}
    for difference in others:
        first.setdefault(difference.part, difference)
    parts = [str(d) for d in list(first.values())[:4]]
    if steps:
        number = min(int(d.key.split("/")[1]) for d in steps)
        parts.insert(0, f"first at step {number + 1}")
    more = len(others) - min(len(first), 4)
    return "; ".join(parts) + (f"; {more} more" if more > 0 else "")


def compare(expected: dict, actual: dict) -> list[Difference]:
    """Returns the leaves that differ and the keys that only one side has."""
    left, right, names = _leaves(expected), _leaves(actual), _names(actual)
    found = [
        Difference(
            key, f"only {'Keras has it' if key in left else 'your class has it'}"
        )
        for key in [*left, *right]
        if (key in left) != (key in right)
    ]
    for key in left.keys() & right.keys():
        a, b = left[key], right[key]
        name = names.get(key, "")
        if a.shape != b.shape or a.dtype != b.dtype:
            text = f"{a.dtype}{a.shape} for Keras, {b.dtype}{b.shape} here"
            found.append(Difference(key, text, name=name))
        elif a.tobytes() != b.tobytes() and not np.array_equal(
            a, b, equal_nan=a.dtype.kind == "f"
        ):
            a, b = a.astype("float64"), b.astype("float64")
            size = largest_difference(a, b)
            text = f"differs by up to {size:.3g}"
            if a.ndim == 0:
                text = f"{a:.6g} for Keras, {b:.6g} here"
            close = np.allclose(b, a, RTOL, ATOL, equal_nan=True)
            found.append(Difference(key, text, bool(close), size, name))
    if [*left] != [*right] and not found:
        text = f"{[*left]} for Keras, {[*right]} here"
        found.append(Difference("order", text))
    order = {key: number for number, key in enumerate([*left, *right])}
    return sorted(found, key=lambda d: order.get(d.key, -1))


def largest_difference(a, b) -> float:
    """Returns the largest absolute difference, infinite if only one value is NaN."""
    equal = (a == b) | (np.isnan(a) & np.isnan(b))
    with np.errstate(invalid="ignore"):
        apart = np.nan_to_num(np.abs(a - b), nan=np.inf)
    return float(np.max(apart, where=~equal, initial=0))


def arrays(tree):
    """Copies the leaves to NumPy. Unlike `jax.tree.map()`, it keeps the dict order."""
    if isinstance(tree, dict):
        return {key: arrays(value) for key, value in tree.items()}
    if isinstance(tree, list | tuple):
        return [arrays(value) for value in tree]
    return np.array(tree)


def _names(tree: dict) -> dict[str, str]:
    """Returns the paths of variables, by the key that `_leaves()` gives them."""
    paths = {
        (part, path)
        for part, values in tree.items()
        if isinstance(values, dict)
        for path in values
        if "#" in str(path)
    }
    return {f"{part}/{p.rsplit('#')[-1]}": p.rsplit("#", 1)[0] for part, p in paths}


def _leaves(tree) -> dict:
    """Flattens nested dicts and lists in order, because the order of logs counts."""
    found = {}

    def visit(path, node):
        if isinstance(node, dict):
            for key, value in node.items():
                # Paths of variables contain the class's name. Compare their numbers.
                visit(
                    f"{path}/{key.rsplit('#')[-1] if '#' in str(key) else key}", value
                )
        elif isinstance(node, list | tuple):
            for index, value in enumerate(node):
                visit(f"{path}/{index}", value)
        else:
            found[path.lstrip("/")] = np.asarray(node)

    visit("", tree)
    return found
