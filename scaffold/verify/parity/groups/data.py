"""Cases of inputs and data sets."""

import keras
import numpy as np
import scipy.sparse
from keras import layers

from ..batches import (
    BATCH,
    FEATURES,
    ROWS,
    Batch,
    Rows,
    from_dataset,
    generator,
    regression,
    weighted,
)
from ..case import Case
from ..layers import output_layer, stateful


def two_inputs():
    """Makes a graph with the inputs `left` and `right`."""
    left, right = keras.Input((4,), name="left"), keras.Input((4,), name="right")
    hidden = layers.Dense(6)(layers.Concatenate()([left, layers.Dense(3)(right)]))
    return {"left": left, "right": right}, output_layer()(hidden)


def dict_inputs():
    """Makes a dict of two inputs."""
    data = regression()
    return Batch({"left": data.x[:, :4], "right": data.x[:, 4:]}, data.y)


def sparse_input():
    """Makes a graph with a sparse input."""
    inputs = keras.Input((FEATURES,), sparse=True)
    hidden = layers.Dense(6, activation="tanh")(inputs)
    return inputs, output_layer()(hidden)


def sparse_matrix():
    """Makes a sparse matrix of inputs."""
    data = regression()
    return Batch(scipy.sparse.csr_matrix(data.x * (data.x > 0.8)), data.y)


def device_arrays():
    """Makes JAX arrays."""
    data = regression()
    return Batch(*map(keras.ops.convert_to_tensor, (data.x, data.y)))


def tagger():
    """Makes layers that classify each word, and pass the mask to the outputs."""
    return [
        layers.Embedding(12, 5, mask_zero=True),
        layers.LSTM(6, return_sequences=True),
        layers.Dense(4),
    ]


def words():
    """Makes sentences of different lengths, with a class for each word."""
    rng = np.random.default_rng(5)
    x = rng.integers(1, 12, size=(ROWS, 6)).astype("int32")
    for row, length in zip(x, rng.integers(1, 7, size=ROWS), strict=True):
        row[length:] = 0
    return Batch(x, (x % 4).astype("int32"))


def on_batch(model, data):
    """Trains, tests and predicts batch by batch."""
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


CASES = (
    Case("dict inputs", "data", graph=two_inputs, data=dict_inputs),
    Case("sparse inputs", "data", graph=sparse_input, data=sparse_matrix),
    Case(
        "masks",
        "data",
        layers=tagger,
        data=words,
        needs="sparse",
        input_shape=(6,),
        input_dtype="int32",
    ),
    Case("PyDataset", "data", fit=from_dataset(Rows)),
    Case(
        "PyDataset with weights",
        "data",
        fit=from_dataset(lambda: Rows(True)),
        weighted=True,
    ),
    Case("generator", "data", fit=from_dataset(generator, steps_per_epoch=4)),
    Case("arrays on the device", "data", data=device_arrays),
    Case("shuffling", "data", fit=lambda: {"shuffle": True}, draws=True),
    Case("train_on_batch", "data", layers=stateful, train=on_batch, quick=True),
    Case(
        "train_on_batch with weights",
        "data",
        layers=stateful,
        train=on_batch,
        data=weighted,
        weighted=True,
    ),
)
