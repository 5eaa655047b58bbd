"""Finds losses and metrics by their names in Keras."""

from .errors import SpecError
from .keras_metrics import METRICS, NOT_COMPARING
from .suggestions import did_you_mean


def find(table: tuple, name: str, kind: str) -> tuple:
    """Finds a loss or a metric by the name of its class or by an alias.

    Args:
        table: `LOSSES` or `METRICS`.
        name: The name that the user typed, such as `MeanAbsoluteError`, `mae` or `MAE`.
        kind: "loss" or "metric", for the error message.

    Returns:
        A tuple `(entry, alias)`: the entry of the table, and its name in the logs.

    Raises:
        SpecError: If the table has no such name.
    """
    for entry in table:
        if name == entry.name:
            return entry, entry.aliases[0]
        if name.lower() in entry.aliases:
            return entry, name.lower()
    if "," in name:
        words = " ".join(f"--{kind} {word.strip()}" for word in name.split(","))
        hint = f"Repeat the option: {words}." if kind == "metric" else "Name one."
    elif name in NOT_COMPARING and table is METRICS:
        hint = (
            f"{name} does not compare y_true with y_pred. Add it to the generated file."
        )
    else:
        # Keras resolves these two by the targets. `objective.py` does it by the task.
        by_targets = {"loss": "crossentropy", "metric": "accuracy"}[kind]
        words = [*known_names(table), by_targets]
        hint = did_you_mean(name, words, f"`kscaffold list` lists every {kind}.")
    raise SpecError(f"Keras has no {kind} {name!r} that kscaffold can generate.", hint)


def known_names(table: tuple) -> tuple[str, ...]:
    """Lists the names of the losses or metrics in a table, aliases included."""
    return tuple(name for entry in table for name in (*entry.aliases, entry.name))
