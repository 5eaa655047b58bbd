"""Lists the weights and the optimizers of a model, in an order that both share."""

import json

import keras
import numpy as np

from ..request import VerifyError


def named_optimizers(model) -> dict[str, keras.optimizers.Optimizer]:
    """Returns the optimizers that a model has, by the names of their attributes."""
    found = {}

    def visit(name, value):
        if isinstance(value, keras.optimizers.Optimizer):
            if not any(value is other for other in found.values()):
                found[name] = value
        elif isinstance(value, dict):
            for key, item in value.items():
                visit(f"{name}[{key!r}]", item)
        elif isinstance(value, list | tuple):
            for index, item in enumerate(value):
                visit(f"{name}[{index}]", item)

    for name, value in vars(model).items():
        visit(name.removeprefix("_"), value)
    return found


class Weights:
    """The weights of a model, in an order that both models share.

    Attributes:
        variables: The variables.
        entries: For each variable a list: the attribute of the model that holds it, its
            path and its shape.
    """

    def __init__(self, model):
        """Lists the weights of a model, without the variables of its optimizers."""
        optimizers = named_optimizers(model).values()
        state = {id(v) for optimizer in optimizers for v in optimizer.variables}
        self.variables = [v for v in model.weights if id(v) not in state]
        attributes = _attributes(model)
        self.entries = [
            [attributes.get(id(v), ""), v.path, [*map(int, v.shape)]]
            for v in self.variables
        ]

    def arrange_like(self, entries: list[list]) -> None:
        """Brings the weights into the order of another model's entries.

        Attributes count if both models have the same ones, such as `generator` and
        `discriminator`, with the same shapes. Otherwise, the order is the model's.

        Raises:
            VerifyError: If a shape differs.
        """
        order = [*range(len(entries))]
        if _shapes_by_attribute(self.entries) == _shapes_by_attribute(entries):
            own = sorted(order, key=lambda i: self.entries[i][0])
            other = sorted(order, key=lambda i: entries[i][0])
            order = [i for _, i in sorted(zip(other, own, strict=True))]
        elif reason := _mismatch(self.entries, entries):
            raise VerifyError(
                f"The weights of the two models cannot be paired: {reason}.",
                "Build both models with the same layers, in the same order.",
                code="weights-unpaired",
            )
        self.variables = [self.variables[i] for i in order]
        self.entries = [self.entries[i] for i in order]

    def values(self) -> list[np.ndarray]:
        """Returns copies of the weights."""
        return [array(variable) for variable in self.variables]

    def assign(self, values: list[np.ndarray]) -> None:
        """Sets the weights."""
        for variable, value in zip(self.variables, values, strict=True):
            variable.assign(value)


def optimizer_records(model) -> list[dict]:
    """Returns the optimizers that have taken steps: name, config and variables.

    An optimizer that only groups others, such as a recipe's, is left out.
    """
    optimizers = named_optimizers(model)
    owned = {name: {id(v) for v in o.variables} for name, o in optimizers.items()}
    return [
        {
            "name": name,
            "class": type(optimizer).__name__,
            "config": _config(optimizer),
            "paths": [variable.path for variable in optimizer.variables],
            "variables": [array(variable) for variable in optimizer.variables],
        }
        for name, optimizer in optimizers.items()
        if not any(others < owned[name] for others in owned.values() if others)
        and optimizer.built
        and int(array(optimizer.iterations)) > 0
    ]


def array(value) -> np.ndarray:
    """Copies a tensor, a variable or a number to NumPy, bfloat16 as float32."""
    copied = np.array(keras.ops.convert_to_numpy(value))
    return copied.astype("float32") if copied.dtype.kind == "V" else copied


def _config(optimizer) -> dict:
    """Returns the config of an optimizer as JSON values, without its name."""
    config = json.loads(json.dumps(optimizer.get_config(), default=str))
    config.pop("name", None)
    return config


def _attributes(model) -> dict[int, str]:
    """Maps the ids of weights to the first public attribute that holds them."""
    found = {}
    for name, value in vars(model).items():
        if name.startswith("_"):
            continue
        for item in keras.tree.flatten(value) if _is_container(value) else [value]:
            held = item.weights if isinstance(item, keras.Layer) else [item]
            for variable in held:
                if isinstance(variable, keras.Variable):
                    found.setdefault(id(variable), name)
    return found


def _is_container(value) -> bool:
    return isinstance(value, dict | list | tuple)


def _shapes_by_attribute(entries: list[list]) -> dict[str, list]:
    """Groups the shapes of entries by their attribute, in their order."""
    groups = {}
    for attribute, _, shape in entries:
        groups.setdefault(attribute, []).append(shape)
    return groups


def _mismatch(ours: list[list], theirs: list[list]) -> str:
    """Returns where the shapes of the original and of the port first differ."""
    for number, (own, other) in enumerate(zip(ours, theirs, strict=False)):
        if own[2] != other[2]:
            return (
                f"number {number} is {_described(own)} in the original and "
                f"{_described(other)} in the port"
            )
    if len(ours) == len(theirs):
        return ""
    side, longer = ("original", ours) if len(ours) > len(theirs) else ("port", theirs)
    extra = longer[min(len(ours), len(theirs))]
    counts = f"{len(ours)} in the original and {len(theirs)} in the port"
    return f"there are {counts}, and only the {side} has {_described(extra)}"


def _described(entry: list) -> str:
    return f"{entry[1]} of shape {tuple(entry[2])}"
