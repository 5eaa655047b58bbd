"""Cases of `keras.distribution`."""

import keras
from keras import layers

from ..batches import regression, weighted
from ..case import Case
from ..layers import stateful


def data_parallel():
    """Makes a distribution of each batch over two devices, which divide 16 and 2."""
    return keras.distribution.DataParallel(
        devices=keras.distribution.list_devices()[:2], auto_shard_dataset=False
    )


def model_parallel():
    """Makes a distribution of each batch and of each kernel over two devices."""
    mesh = keras.distribution.DeviceMesh(
        (2, 2), ["batch", "model"], devices=keras.distribution.list_devices()[:4]
    )
    layout = keras.distribution.LayoutMap(mesh)
    layout[".*dense.*kernel"] = (None, "model")
    layout[".*dense.*bias"] = ("model",)
    return keras.distribution.ModelParallel(layout_map=layout, batch_dim_name="batch")


def even_units():
    """Makes layers whose units two devices can share evenly."""
    return [
        layers.Dense(8, activation="tanh"),
        layers.BatchNormalization(),
        layers.Dense(2),
        layers.Dense(2),
    ]


CASES = (
    Case(
        "DataParallel",
        "distribution",
        layers=stateful,
        distribution=data_parallel,
        quick=True,
    ),
    Case(
        "DataParallel with weights",
        "distribution",
        layers=stateful,
        distribution=data_parallel,
        data=weighted,
        weighted=True,
    ),
    Case(
        "ModelParallel",
        "distribution",
        layers=even_units,
        distribution=model_parallel,
        data=lambda: regression(targets=2),
        needs="real",
    ),
)
