"""Shows the results of a training as a table and as curves."""

import math

from matplotlib.figure import Figure


def table(results):
    """Returns a table of metrics as text, with a line per split of the data.

    Args:
        results: Dict of dicts of metrics, by the names of the split and the metric.
    """
    widths = {name: max(10, len(name)) for name in results["train"]}
    lines = [" " * 10 + "".join(f"  {name:>{n}}" for name, n in widths.items())]
    for split, values in results.items():
        numbers = (f"  {values[name]:>{n}.4f}" for name, n in widths.items())
        lines.append(f"{split:<10}" + "".join(numbers))
    return "\n".join(lines)


def plot(history, best_epoch, path):
    """Draws the loss and the metrics of each epoch, as a PNG.

    Args:
        history: List with a dict of logs per epoch.
        best_epoch: The epoch to mark, from 1.
        path: The path of the PNG.
    """
    names = [name for name in history[0] if f"val_{name}" in history[0]]
    epochs = range(1, len(history) + 1)
    figure = Figure(figsize=(5 * len(names), 3.5), layout="constrained")
    panels = figure.subplots(1, len(names), squeeze=False)[0]
    for axes, name in zip(panels, names, strict=True):
        for key, label in ((name, "training"), (f"val_{name}", "validation")):
            values = [logs.get(key, math.nan) for logs in history]
            axes.plot(epochs, values, label=label)
        axes.axvline(best_epoch, color="gray", linestyle=":", label="best model")
        axes.set(xlabel="epoch", title=name.replace("_", " "))
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False)
    figure.savefig(path, dpi=150)
