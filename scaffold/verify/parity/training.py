"""How the parity cases train: callbacks, calls, optimizers and devices."""

import tempfile

import keras
import numpy as np

from .case import BATCH, ROWS


class ReadsWeights(keras.callbacks.Callback):
    """Reads the weights after each batch and puts their sum into the logs."""

    def on_train_batch_end(self, batch, logs=None):
        """Reads the weights in the middle of an epoch."""
        self.total = float(sum(np.abs(w).sum() for w in self.model.get_weights()))

    def on_epoch_end(self, epoch, logs=None):
        """Reports the sum of the last batch."""
        logs["total"] = self.total


class WritesWeights(keras.callbacks.Callback):
    """Shrinks the weights after each batch."""

    def on_train_batch_end(self, batch, logs=None):
        """Writes the weights in the middle of an epoch."""
        self.model.set_weights([w * 0.9 for w in self.model.get_weights()])


class RestoresWeights(keras.callbacks.Callback):
    """Goes back to the weights of the epoch before."""

    def on_epoch_begin(self, epoch, logs=None):
        """Keeps the weights."""
        # Copies: what JAX donates, older versions overwrite in place.
        self.kept = [np.array(w) for w in self.model.get_weights()]

    def on_epoch_end(self, epoch, logs=None):
        """Restores them after the second epoch."""
        if epoch == 1:
            self.model.set_weights(self.kept)


def on_batch(model, data):
    """Trains and tests batch by batch."""
    weights = data.sample_weight
    seen = []
    for start in range(0, ROWS, BATCH):
        rows = slice(start, start + BATCH)
        more = {} if weights is None else {"sample_weight": weights[rows]}
        batch = data.x[rows], data.y[rows]
        seen.append(model.train_on_batch(*batch, **more, return_dict=True))
        seen.append(model.test_on_batch(*batch, **more, return_dict=True))
        seen.append(model.predict_on_batch(data.x[rows]))
    return seen


def twice(model, data):
    """Trains, evaluates, and trains on."""
    first = model.fit(
        data.x, data.y, batch_size=BATCH, epochs=2, shuffle=False, verbose=0
    )
    value = model.evaluate(
        data.x, data.y, batch_size=BATCH, verbose=0, return_dict=True
    )
    more = {
        "initial_epoch": 2,
        "epochs": 4,
        "validation_split": 0.3,
        "shuffle": False,
        "verbose": 0,
    }
    second = model.fit(data.x, data.y, batch_size=BATCH, **more)
    return [first.history, value, second.history]


def saved(model, data):
    """Trains, saves, loads, compares, and trains on."""
    model.fit(data.x, data.y, batch_size=BATCH, epochs=2, shuffle=False, verbose=0)
    with tempfile.TemporaryDirectory() as folder:
        model.save(f"{folder}/model.keras")
        custom = {type(model).__name__: type(model)}
        loaded = keras.saving.load_model(f"{folder}/model.keras", custom_objects=custom)
    assert type(loaded) is type(model)
    first, second = (
        m.fit(
            data.x, data.y, batch_size=BATCH, epochs=2, shuffle=False, verbose=0
        ).history
        for m in (model, loaded)
    )
    assert first == second
    return [first, model.get_weights(), loaded.get_weights()]


def unshare(model):
    """Gives weights and averages their own buffers: Keras 3.15 leaves them one."""
    for variable in model.optimizer.variables:
        variable.assign(np.array(variable))


def sgd(**arguments):
    """Arguments of `compile()` with a plain optimizer."""
    return lambda: {"optimizer": keras.optimizers.SGD(0.05, **arguments)}


def adam(**arguments):
    """Arguments of `compile()` with Adam."""
    return lambda: {"optimizer": keras.optimizers.Adam(0.02, **arguments)}


def data_parallel():
    """Splits each batch over two devices, which divide 16 and 2."""
    return keras.distribution.DataParallel(
        devices=keras.distribution.list_devices()[:2], auto_shard_dataset=False
    )


def model_parallel():
    """Splits each batch over two devices and each kernel over two."""
    mesh = keras.distribution.DeviceMesh(
        (2, 2), ["batch", "model"], devices=keras.distribution.list_devices()[:4]
    )
    layout = keras.distribution.LayoutMap(mesh)
    layout[".*dense.*kernel"] = (None, "model")
    layout[".*dense.*bias"] = ("model",)
    return keras.distribution.ModelParallel(layout_map=layout, batch_dim_name="batch")


def large_scale():
    """Loss scaling that overflows in the first steps, and recovers."""
    inner = keras.optimizers.SGD(0.05)
    optimizer = keras.optimizers.LossScaleOptimizer(
        inner, initial_scale=2.0**24, dynamic_growth_steps=2
    )
    return {"optimizer": optimizer}


def schedule():
    """A learning rate that falls with the steps."""
    return {
        "optimizer": keras.optimizers.SGD(
            keras.optimizers.schedules.CosineDecay(0.1, 10)
        )
    }
