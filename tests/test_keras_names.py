"""The tables of losses and metrics agree with Keras itself."""

import inspect
import re

import keras
import pytest

from scaffold.errors import SpecError
from scaffold.keras_losses import LOSSES
from scaffold.keras_metrics import METRICS, NOT_COMPARING
from scaffold.keras_names import find


def classes(module, base) -> set[str]:
    """Lists the public subclasses of a class in a module of Keras."""
    return {
        name
        for name, cls in vars(module).items()
        if inspect.isclass(cls) and issubclass(cls, base) and cls is not base
    }


def test_every_loss_is_in_the_table():
    """The table has exactly the losses of Keras."""
    assert classes(keras.losses, keras.losses.Loss) == {loss.name for loss in LOSSES}


def test_every_metric_is_in_the_table():
    """The table has exactly the metrics of Keras that compare two tensors."""
    # Keras replaces the name `accuracy` by the accuracy that fits the targets.
    others = {*NOT_COMPARING, "Accuracy", "Metric"}
    expected = classes(keras.metrics, keras.metrics.Metric) - others

    assert expected == {metric.name for metric in METRICS}


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.name)
def test_loss_by_name(loss):
    """Keras finds a loss by each of its aliases, except where `by_name` is false."""
    for alias in loss.aliases:
        if not loss.by_name:
            with pytest.raises(ValueError, match="Could not interpret"):
                keras.losses.get(alias)
            continue
        named = keras.losses.get(alias)
        own = getattr(keras.losses, loss.name)()
        if inspect.isfunction(named):
            assert own.fn is named
        else:
            assert type(named) is type(own)


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_metric_by_name(metric):
    """Keras finds a metric by each alias, and accepts the arguments in the table."""
    cls = getattr(keras.metrics, metric.name)
    assert metric.arguments
    for given in metric.arguments.values():
        arguments = ", ".join(filter(None, [metric.always, given]))

        assert isinstance(eval(f"cls({arguments})", {"cls": cls}), cls)

    for alias in metric.aliases:
        assert (
            keras.metrics.serialize(cls(**_required(cls)))["class_name"] == cls.__name__
        )
        if not _required(cls):
            assert isinstance(keras.metrics.get(alias), cls)


def _required(cls) -> dict:
    """Returns values for the required arguments of a metric."""
    values = {"num_classes": 3, "target_class_ids": [0]}
    parameters = list(inspect.signature(cls.__init__).parameters.values())[1:]
    needed = [p.name for p in parameters if p.default is p.empty and p.kind < 2]
    return {name: values.get(name, 0.5) for name in needed}


@pytest.mark.parametrize(
    ("table", "typed", "expected"),
    [
        (LOSSES, "mse", ("MeanSquaredError", "mse")),
        (LOSSES, "MSE", ("MeanSquaredError", "mse")),
        (LOSSES, "MeanSquaredError", ("MeanSquaredError", "mean_squared_error")),
        (METRICS, "AUC", ("AUC", "auc")),
        (METRICS, "mean_absolute_error", ("MeanAbsoluteError", "mean_absolute_error")),
    ],
)
def test_find(table, typed, expected):
    """A class is found by its name, and by its aliases in upper or lower case."""
    entry, alias = find(table, typed, "loss")

    assert (entry.name, alias) == expected


@pytest.mark.parametrize(
    ("table", "typed", "hint"),
    [
        (LOSSES, "msee", "Did you mean mse?"),
        (LOSSES, "MeanSquareError", "Did you mean MeanSquaredError?"),
        (
            LOSSES,
            "FocalLoss",
            "Did you mean BinaryFocalCrossentropy or CategoricalFocalCrossentropy?",
        ),
        (LOSSES, "kl", "Did you mean kld or kl_divergence?"),
        (LOSSES, "binary_cross_entropy", "Did you mean binary_crossentropy?"),
        (LOSSES, "bce_with_logits", "Did you mean bce?"),
        (METRICS, "rmse", "Did you mean root_mean_squared_error?"),
        (METRICS, "top5", "Did you mean top_k_categorical_accuracy or sparse_top_k"),
        (METRICS, "F1", "Did you mean F1Score?"),
        (METRICS, "acuracy", "Did you mean accuracy?"),
        (METRICS, "Mean", "Add it to the generated file."),
        (METRICS, "", "`kscaffold list` lists every metric."),
    ],
)
def test_not_found(table, typed, hint):
    """An unknown name is refused, with the nearest known names."""
    with pytest.raises(SpecError) as caught:
        find(table, typed, "loss" if table is LOSSES else "metric")

    assert re.search(re.escape(hint), caught.value.hint)
