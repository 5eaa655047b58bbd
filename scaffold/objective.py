"""The objective of a spec: its loss and metrics, and the data that they need."""

from dataclasses import dataclass

from .errors import SpecError
from .keras_losses import CROSSENTROPY, LOSSES, Loss
from .keras_metrics import ACCURACY, METRICS, Metric
from .keras_names import find

#: The default loss and metric of each task.
TASKS = {
    "regression": ("mse", "mae"),
    "binary": ("binary_crossentropy", "binary_accuracy"),
    "multiclass": ("sparse_categorical_crossentropy", "sparse_categorical_accuracy"),
}

#: The size of the model's output for each kind of targets. Others have `CLASSES`.
WIDTHS = {"real": 1, "positive": 1, "binary": 1, "vector": 4, "distribution": 4}
CLASSES = 3


@dataclass(frozen=True)
class KerasObject:
    """A Keras object as source text.

    Attributes:
        alias: Its name in the logs, such as `mae`.
        object: The expression that creates it: `keras.metrics.MeanAbsoluteError(...)`.
        argument: The expression for `compile()`: a string where Keras accepts one.
    """

    alias: str
    object: str
    argument: str


@dataclass(frozen=True)
class Objective:
    """A loss and its metrics, and the kinds of targets and outputs that they need.

    Attributes:
        loss: The loss.
        metrics: The metrics.
        targets: The kind of targets in the data of the demo.
        outputs: The kind of outputs of the model in the demo.
    """

    loss: KerasObject
    metrics: tuple[KerasObject, ...]
    targets: str
    outputs: str

    @property
    def width(self) -> int:
        """The size of the model's output for one sample."""
        return WIDTHS.get(self.targets, CLASSES)

    @property
    def activation(self) -> str:
        """The expression for the last layer's activation, or an empty string."""
        if self.outputs == "probabilities":
            return '"sigmoid"' if self.width == 1 else '"softmax"'
        return {"positive": '"softplus"', "embedding": "keras.ops.normalize"}.get(
            self.outputs, ""
        )


def resolve(
    task: str,
    loss_name: str | None,
    metric_names: tuple,
    demo: bool = True,
    weighted: bool = False,
) -> Objective:
    """Finds the loss and the metrics, and checks that they fit together.

    Args:
        task: A key of `TASKS`.
        loss_name: The name of a Keras loss, or `None` for the default of the task.
        metric_names: Names of Keras metrics, or `()` for the default of the task.
        demo: Whether there is a demo. Without one, any loss fits any task.
        weighted: Whether the metrics get sample weights.

    Raises:
        SpecError: If a name is unknown, or if the loss and a metric do not fit.
    """
    default_loss, default_metric = TASKS[task]
    name = default_loss if loss_name is None else loss_name
    if name.lower() in ("crossentropy", "ce"):
        name = _crossentropy(task)
    loss, alias = find(LOSSES, name, "loss")
    if task in loss.fits:
        targets, outputs = loss.fits[task]
    elif demo:
        others = [f"--task {other}" for other in loss.fits]
        raise SpecError(
            f"The loss {loss.name} does not fit --task {task}.",
            f"Use {' or '.join([*others, '--no-demo'])}.",
            code="options-conflict",
        )
    else:
        targets, outputs = "", ""
    names = metric_names or _default_metrics(default_metric, targets, outputs)
    metrics = _metrics(names, targets, outputs, weighted)
    return Objective(_loss(loss, alias, outputs), metrics, targets, outputs)


def _default_metrics(default: str, targets: str, outputs: str) -> tuple[str, ...]:
    """Returns the default metric of the task for the kind of targets."""
    if outputs == "embedding":
        return ()  # Keras has no metric that compares embeddings with classes.
    by_targets = {"one_hot": "categorical_accuracy", "distribution": "kl_divergence"}
    return (by_targets.get(targets, default),)


def _loss(loss: Loss, alias: str, outputs: str) -> KerasObject:
    arguments = "from_logits=True" if outputs == "logits" else ""
    call = f"keras.losses.{loss.name}({arguments})"
    by_name = loss.by_name and not arguments
    return KerasObject(alias, call, f'"{alias}"' if by_name else call)


def _crossentropy(task: str) -> str:
    if task not in CROSSENTROPY:
        raise SpecError(
            f"The loss crossentropy needs classes, which --task {task} does not have.",
            "Use --task binary or --task multiclass, or name a loss such as mse.",
            code="options-conflict",
        )
    return CROSSENTROPY[task]


def _metrics(
    names, targets: str, outputs: str, weighted: bool
) -> tuple[KerasObject, ...]:
    found = {}
    for name in names:
        if name.lower() in ("accuracy", "acc"):
            metric, alias = _accuracy(targets), name.lower()
        else:
            metric, alias = find(METRICS, name, "metric")
        if metric.name in found:
            raise SpecError(
                f"The metric {metric.name} is given twice.", "Give it once."
            )
        if weighted and not metric.weighable:
            raise SpecError(
                f"The metric {metric.name} does not accept sample weights.",
                f"Leave out --sample-weight or --metric {alias}.",
                code="options-conflict",
            )
        found[metric.name] = _metric(metric, alias, targets, outputs)
    return tuple(found.values())


def _accuracy(targets: str) -> Metric:
    if targets not in ACCURACY:
        raise SpecError(
            "The metric accuracy needs classes, which this loss does not have.",
            "Use --task binary or --task multiclass, or name a metric such as mae.",
            code="options-conflict",
        )
    return find(METRICS, ACCURACY[targets], "metric")[0]


def _metric(metric: Metric, alias: str, targets: str, outputs: str) -> KerasObject:
    if targets and (targets not in metric.targets or outputs not in metric.arguments):
        fitting = [
            m.aliases[-1]
            for m in METRICS
            if targets in m.targets and outputs in m.arguments
        ]
        raise SpecError(
            f"The metric {metric.name} does not fit a loss with {targets} targets and "
            f"{outputs} outputs.",
            (
                f"These metrics fit: {', '.join(fitting)}."
                if fitting
                else "Leave out --metric."
            ),
            code="options-conflict",
        )
    arguments = [metric.always, metric.arguments.get(outputs, "")]
    given = ", ".join(argument for argument in arguments if argument)
    named = ", ".join(part for part in (given, f'name="{alias}"') if part)
    call = f"keras.metrics.{metric.name}({named})"
    # Keras names a metric after the string that `compile()` gets.
    return KerasObject(
        alias, call, call if given or alias in ("accuracy", "acc") else f'"{alias}"'
    )
