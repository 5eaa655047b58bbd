"""Cases of saving and loading."""

import tempfile

import keras
from keras import layers

from ..batches import BATCH
from ..case import Case
from ..layers import output_layer


def save_and_load(model, data):
    """Trains, saves, loads, and continues training both models."""
    settings = {"batch_size": BATCH, "epochs": 2, "shuffle": False, "verbose": 0}
    model.fit(data.x, data.y, **settings)
    with tempfile.TemporaryDirectory() as folder:
        model.save(f"{folder}/model.keras")
        custom = {type(model).__name__: type(model)}
        loaded = keras.saving.load_model(f"{folder}/model.keras", custom_objects=custom)
    assert type(loaded) is type(model)
    first, second = (m.fit(data.x, data.y, **settings).history for m in (model, loaded))
    assert first == second
    return [first, model.get_weights(), loaded.get_weights()]


CASES = (
    Case(
        "continued training after loading",
        "saving",
        layers=lambda: [
            layers.Dense(6, kernel_regularizer="l2"),
            layers.BatchNormalization(),
            output_layer(),
        ],
        train=save_and_load,
    ),
)
