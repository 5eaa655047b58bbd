"""Cases of sample weights and class weights."""

from keras import layers

from ..batches import from_dataset, generator, validation, weighted
from ..case import Case
from ..layers import output_layer, stateful

CASES = (
    Case("sample_weight", "weights", data=weighted, weighted=True),
    Case(
        "sample_weight with regularizers",
        "weights",
        layers=stateful,
        data=weighted,
        weighted=True,
        quick=True,
    ),
    Case(
        "class_weight",
        "weights",
        layers=lambda: [layers.Dense(6), output_layer()],
        needs="sparse",
        fit=lambda: {"class_weight": {0: 0.3, 1: 2.0, 2: 1.0}},
        weighted=True,
    ),
    Case(
        "metrics and weighted_metrics",
        "weights",
        data=weighted,
        weighted=True,
        owned=False,
        losses=lambda: {
            "loss": "mse",
            "metrics": ["mae"],
            "weighted_metrics": ["mape", "mse"],
        },
    ),
    Case(
        "generator with weights",
        "weights",
        weighted=True,
        fit=from_dataset(lambda: generator(True), steps_per_epoch=4),
    ),
    Case(
        "validation_data with weights",
        "weights",
        data=weighted,
        weighted=True,
        fit=lambda: {"validation_data": validation(True)},
    ),
)
