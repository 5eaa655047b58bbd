"""Finds losses and metrics by the names that Keras has for them."""

from .errors import SpecError, did_you_mean
from .keras_metrics import METRICS, NOT_COMPARING


def find(table: tuple, name: str, kind: str) -> tuple:
    """Finds a loss or a metric by the name of its class or by a Keras alias.

    Args:
        table: `LOSSES` or `METRICS`.
        name: What the user typed: `MeanAbsoluteError`, `mae`, `MAE`, ...
        kind: "loss" or "metric", for the error.

    Returns:
        The entry of the table, and the alias that names it in the logs.

    Raises:
        SpecError: If Keras has no such loss or metric, or it compares nothing.
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
        hint = f"{name} does not compare y_true with y_pred: add it by hand afterwards."
    else:
        # Names that Keras resolves by the targets, and `objective.py` by the task.
        by_targets = {"loss": "crossentropy", "metric": "accuracy"}[kind]
        words = [*known_names(table), by_targets]
        hint = did_you_mean(name, words, "`kscaffold list` names all that there are.")
    raise SpecError(f"Keras has no {kind} {name!r} that can be generated.", hint)


def known_names(table: tuple) -> tuple[str, ...]:
    """Lists all names by which the losses or metrics of a table are found."""
    return tuple(name for entry in table for name in (*entry.aliases, entry.name))
