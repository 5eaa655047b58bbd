"""Models of many kinds, whose training step is Keras's own: `verify` may accuse none.

Each function of `MODELS` returns the inputs and the outputs of a model. The data follow
from their shapes.
"""

import keras
import numpy as np
from keras import layers, optimizers

ROWS = 48
MODELS = {}
OPTIMIZERS = {
    "Adam": lambda: optimizers.Adam(0.02),
    "AdamW": lambda: optimizers.AdamW(0.01),
    "SGD with momentum": lambda: optimizers.SGD(0.05, momentum=0.9, nesterov=True),
    "RMSprop": lambda: optimizers.RMSprop(0.01),
    "Lion": lambda: optimizers.Lion(0.01),
    "Muon": lambda: optimizers.Muon(0.01),
    "EMA": lambda: optimizers.Adam(use_ema=True, ema_overwrite_frequency=3),
    "accumulation": lambda: optimizers.Adam(gradient_accumulation_steps=2),
    "clipnorm": lambda: optimizers.Adam(clipnorm=0.5),
    "global_clipnorm": lambda: optimizers.SGD(0.1, global_clipnorm=0.5),
    "Nadam": lambda: optimizers.Nadam(0.01),
    "Adafactor": lambda: optimizers.Adafactor(0.01),
}
POLICIES = ("float32", "mixed_bfloat16", "float32", "mixed_float16")


@keras.saving.register_keras_serializable("zoo")
class Own(keras.Model):
    """A model whose step only calls Keras's."""

    def train_step(self, state, data):
        """Trains on one batch."""
        return keras.Model.train_step(self, state, data)


@keras.saving.register_keras_serializable("zoo")
class Penalty(layers.Layer):
    """A layer that adds a loss."""

    def call(self, x):
        """Returns its input."""
        self.add_loss(0.01 * keras.ops.mean(x**2))
        return x


@keras.saving.register_keras_serializable("zoo")
class Counter(layers.Layer):
    """A layer that counts its calls in training."""

    def build(self, shape):
        """Creates the counter."""
        self.count = self.add_weight(shape=(), trainable=False, name="count")

    def call(self, x, training=False):
        """Scales its input a little."""
        if training:
            self.count.assign_add(1.0)
        return x * (1 + 0.01 * keras.ops.cast(self.count, x.dtype))


@keras.saving.register_keras_serializable("zoo")
class Unbuilt(keras.Model):
    """A model without weights before it is trained."""

    # Keras makes a functional class of `Own`.
    train_step = Own.train_step

    def __init__(self, **kwargs):
        """Creates the layers."""
        super().__init__(**kwargs)
        self.hidden = layers.Dense(8)
        self.norm = layers.BatchNormalization()
        self.last = layers.Dense(1)

    def call(self, x, training=False):
        """Predicts."""
        return self.last(keras.ops.relu(self.norm(self.hidden(x), training=training)))


def model(function):
    """Registers a function that returns inputs and outputs."""
    MODELS[function.__name__] = function
    return function


def dense(name, *make, shape=(8,)):
    """Registers a model of layers between two dense layers, the first with a bias."""

    def build():
        inputs = keras.Input(shape)
        outputs = layers.Dense(8)(inputs)
        for layer in make:
            outputs = layer()(outputs)
        return inputs, layers.Dense(1)(outputs)

    MODELS[name] = build


def image(name, *make):
    """Registers a model of layers after a convolution with a bias."""

    def build():
        inputs = keras.Input((8, 8, 3))
        outputs = layers.Conv2D(4, 3)(inputs)
        for layer in make:
            outputs = layer()(outputs)
        return inputs, layers.Dense(1)(layers.GlobalAveragePooling2D()(outputs))

    MODELS[name] = build


def sequence(name, *make):
    """Registers a model of layers for sequences."""

    def build():
        inputs = outputs = keras.Input((6, 4))
        for layer in make:
            outputs = layer()(outputs)
        return inputs, layers.Dense(1)(outputs)

    MODELS[name] = build


dense("batch normalization", layers.BatchNormalization, lambda: layers.ReLU())
dense("layer normalization", layers.LayerNormalization, lambda: layers.ReLU())
dense("unit normalization", layers.UnitNormalization)
dense("group normalization", lambda: layers.GroupNormalization(4))
dense("RMS normalization", layers.RMSNormalization, lambda: layers.Activation("gelu"))
dense("batch normalization twice", *2 * [layers.BatchNormalization])
dense("unscaled batch normalization", lambda: layers.BatchNormalization(scale=False))
dense("dropout", lambda: layers.Dropout(0.3, seed=1))
dense("Gaussian noise", lambda: layers.GaussianNoise(0.3))
dense("Gaussian dropout", lambda: layers.GaussianDropout(0.3))
dense("alpha dropout", lambda: layers.AlphaDropout(0.2))
dense("PReLU", layers.PReLU)
dense("kernel regularizer", lambda: layers.Dense(6, kernel_regularizer="l2"))
dense("bias regularizer", lambda: layers.Dense(6, bias_regularizer="l1"))
dense("activity regularizer", lambda: layers.Dense(6, activity_regularizer="l2"))
dense("added loss", Penalty)
dense("constraint", lambda: layers.Dense(6, kernel_constraint="max_norm"))
dense("counter", Counter)
dense("maxout", lambda: layers.Reshape((2, 4)), lambda: layers.GlobalMaxPooling1D())
dense("spectral", lambda: layers.SpectralNormalization(layers.Dense(6)))
image("convolution, batch normalization", layers.BatchNormalization)
image("convolution, group normalization", lambda: layers.GroupNormalization(2))
image("convolution, instance normalization", lambda: layers.GroupNormalization(-1))
image("separable", lambda: layers.SeparableConv2D(6, 3), layers.BatchNormalization)
image("transposed", lambda: layers.Conv2DTranspose(3, 3), layers.LayerNormalization)
image("depthwise", lambda: layers.DepthwiseConv2D(3), layers.MaxPooling2D)
image(
    "augmented", lambda: layers.RandomFlip(seed=2), lambda: layers.RandomContrast(0.2)
)
image("spatial dropout", lambda: layers.SpatialDropout2D(0.3), layers.UpSampling2D)
sequence("LSTM", lambda: layers.LSTM(4))
sequence("GRU", lambda: layers.GRU(4, dropout=0.2, recurrent_dropout=0.2))
sequence("simple RNN", lambda: layers.SimpleRNN(4), layers.LayerNormalization)
sequence("bidirectional", lambda: layers.Bidirectional(layers.LSTM(3)))
sequence(
    "stacked", lambda: layers.GRU(4, return_sequences=True), lambda: layers.LSTM(3)
)
sequence(
    "time distributed",
    lambda: layers.TimeDistributed(layers.Dense(4)),
    layers.BatchNormalization,
    layers.GlobalAveragePooling1D,
)
sequence(
    "convolution over time",
    lambda: layers.Conv1D(4, 3, padding="causal"),
    lambda: layers.GroupNormalization(2),
    layers.GlobalMaxPooling1D,
)


@model
def attention():
    """Attention with dropout, in a residual block."""
    inputs = keras.Input((6, 4))
    hidden = layers.Dense(8)(inputs)
    attended = layers.MultiHeadAttention(2, 4, dropout=0.1)(hidden, hidden)
    hidden = layers.LayerNormalization()(hidden + attended)
    return inputs, layers.Dense(1)(layers.GlobalAveragePooling1D()(hidden))


@model
def grouped_attention():
    """Grouped queries and dot-product attention."""
    inputs = keras.Input((6, 4))
    hidden = layers.GroupQueryAttention(4, 4, 2)(inputs, inputs)
    hidden = layers.Attention(use_scale=True)([hidden, hidden])
    return inputs, layers.Dense(1)(layers.Flatten()(hidden))


@model
def embedding():
    """An embedding with a mask."""
    inputs = keras.Input((6,), dtype="int32")
    hidden = layers.Embedding(12, 4, mask_zero=True)(inputs)
    return inputs, layers.Dense(1)(layers.LSTM(4)(hidden))


@model
def token_and_position():
    """Two embeddings that are added, as in a transformer."""
    inputs = keras.Input((6,), dtype="int32")
    positions = keras.ops.arange(6)
    hidden = layers.Embedding(12, 4)(inputs) + layers.Embedding(6, 4)(positions)
    hidden = layers.RMSNormalization()(hidden)
    return inputs, layers.Dense(1)(layers.GlobalAveragePooling1D()(hidden))


@model
def dicts():
    """Several inputs and outputs in dicts."""
    a, b = keras.Input((4,), name="a"), keras.Input((4,), name="b")
    hidden = layers.BatchNormalization()(layers.Dense(6)(layers.Concatenate()([a, b])))
    outputs = {name: layers.Dense(1, name=name)(hidden) for name in ("p", "q")}
    return {"a": a, "b": b}, outputs


@model
def lists():
    """Several inputs and outputs in lists."""
    inputs = [keras.Input((4,)), keras.Input((4,))]
    hidden = layers.Multiply()([layers.Dense(4)(i) for i in inputs])
    return inputs, [layers.Dense(1)(hidden), layers.Dense(2)(hidden)]


@model
def nested():
    """A model in a model, with regularizers and state."""
    inner = keras.Sequential(
        [
            keras.Input((8,)),
            layers.Dense(8, kernel_regularizer="l2"),
            layers.BatchNormalization(),
            layers.Dropout(0.3),
        ]
    )
    inputs = keras.Input((8,))
    return inputs, layers.Dense(1)(inner(inputs) + inputs)


@model
def shared():
    """A layer that is called twice, with a loss in each call."""
    inputs = keras.Input((8,))
    layer = layers.Dense(8, activation="tanh", activity_regularizer="l2")
    return inputs, layers.Dense(1)(layer(layer(inputs)))


@model
def shared_state():
    """A layer with state that is called twice."""
    inputs = keras.Input((8,))
    norm = layers.BatchNormalization()
    return inputs, layers.Dense(1)(norm(layers.Dense(8)(norm(inputs))))


@model
def lora():
    """Low-rank adapters of a frozen layer."""
    inputs = keras.Input((8,))
    layer = layers.Dense(8)
    outputs = layers.Dense(1)(layers.BatchNormalization()(layer(inputs)))
    layer.enable_lora(2)
    return inputs, outputs


@model
def lora_of_embedding():
    """Low-rank adapters of an embedding, and a frozen rest."""
    inputs = keras.Input((6,), dtype="int32")
    layer, last = layers.Embedding(12, 4), layers.Dense(1)
    outputs = last(layers.GlobalAveragePooling1D()(layer(inputs)))
    layer.enable_lora(2)
    last.trainable = False
    return inputs, outputs


@model
def frozen():
    """Frozen layers, also with state."""
    inputs = keras.Input((8,))
    layer, norm = layers.Dense(8), layers.BatchNormalization()
    outputs = layers.Dense(1)(norm(layer(inputs)))
    layer.trainable = norm.trainable = False
    return inputs, outputs


@model
def residual():
    """Convolutions around a skip, with normalizations after biases."""
    inputs = keras.Input((8, 8, 3))
    start = layers.Conv2D(4, 3, padding="same")(inputs)
    hidden = layers.BatchNormalization()(start)
    hidden = layers.Conv2D(4, 3, padding="same", activation="relu")(hidden)
    hidden = layers.BatchNormalization()(hidden) + start
    return inputs, layers.Dense(1)(layers.Flatten()(hidden))


@model
def einsum():
    """Dense layers over other axes."""
    inputs = keras.Input((6, 4))
    hidden = layers.EinsumDense("abc,cd->abd", (6, 5), bias_axes="d")(inputs)
    return inputs, layers.Dense(1)(
        layers.Flatten()(layers.LayerNormalization()(hidden))
    )


@model
def unbuilt():
    """A model of a subclass, which `fit()` builds."""
    return keras.Input((8,)), keras.Input((1,))


def build(name: str, optimizer: str, policy: str) -> tuple:
    """Builds a compiled model, and returns it and its data.

    Args:
        name: Its key in `MODELS`.
        optimizer: Its optimizer's key in `OPTIMIZERS`.
        policy: The dtype policy of its layers.
    """
    keras.config.set_dtype_policy(policy)  # as people do: for the whole process
    inputs, outputs = MODELS[name]()
    made = Unbuilt() if name == "unbuilt" else Own(inputs, outputs)
    made.compile(OPTIMIZERS[optimizer](), loss="mse")
    rng = np.random.default_rng(0)

    def data(tensor):
        shape = (ROWS, *tensor.shape[1:])
        if "int" in tensor.dtype:
            return rng.integers(0, 12, shape).astype("int32")
        return rng.normal(size=shape).astype("float32")

    return made, tuple(keras.tree.map_structure(data, d) for d in (inputs, outputs))
