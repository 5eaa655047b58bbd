"""The losses of Keras as a table. Generating code must not import Keras.

The table gives, for each task that a loss fits, the kind of targets and the kind of
outputs that it compares. `tests/test_keras_names.py` checks the table against Keras.

The kinds of targets are, for regression, `real`, `positive`, `vector` (several real
numbers) and `distribution`; for classification, `binary` (0 or 1), `sparse` (class
indices) and `one_hot`.

The kinds of outputs are `linear` (any real number), `positive`, `logits` (unnormalized
scores), `margins` (scores around zero), `probabilities` and `embedding` (unit vectors).
"""

from typing import NamedTuple


class Loss(NamedTuple):
    """A class of `keras.losses`.

    Attributes:
        name: The name of the class.
        aliases: The names that `keras.losses.get()` accepts.
        fits: Maps each task that the loss fits to its kind of targets and the kind
            of outputs that the model must have.
        by_name: Whether `compile()` accepts the first alias as a string.
    """

    name: str
    aliases: tuple[str, ...]
    fits: dict[str, tuple[str, str]]
    by_name: bool = True


_REAL = {"regression": ("real", "linear")}
_SCORES = {
    "binary": ("binary", "probabilities"),
    "multiclass": ("one_hot", "probabilities"),
}
_POSITIVE = {"regression": ("positive", "positive")}

LOSSES = (
    Loss("MeanSquaredError", ("mean_squared_error", "mse"), _REAL | _SCORES),
    Loss("MeanAbsoluteError", ("mean_absolute_error", "mae"), _REAL | _SCORES),
    Loss("Huber", ("huber",), _REAL | _SCORES),
    Loss("LogCosh", ("log_cosh",), _REAL | _SCORES),
    Loss(
        "MeanAbsolutePercentageError",
        ("mean_absolute_percentage_error", "mape"),
        _POSITIVE,
    ),
    Loss(
        "MeanSquaredLogarithmicError",
        ("mean_squared_logarithmic_error", "msle"),
        _POSITIVE | _SCORES,
    ),
    Loss("Poisson", ("poisson",), _POSITIVE | _SCORES),
    Loss(
        "CosineSimilarity",
        ("cosine_similarity",),
        {
            "regression": ("vector", "linear"),
            "multiclass": ("one_hot", "probabilities"),
        },
    ),
    Loss(
        "KLDivergence",
        ("kl_divergence", "kld"),
        {
            "regression": ("distribution", "probabilities"),
            "multiclass": ("one_hot", "probabilities"),
        },
    ),
    Loss(
        "BinaryCrossentropy",
        ("binary_crossentropy", "bce"),
        {"binary": ("binary", "logits")},
    ),
    Loss(
        "BinaryFocalCrossentropy",
        ("binary_focal_crossentropy",),
        {"binary": ("binary", "logits")},
    ),
    Loss("Hinge", ("hinge",), {"binary": ("binary", "margins")}),
    Loss("SquaredHinge", ("squared_hinge",), {"binary": ("binary", "margins")}),
    Loss("Dice", ("dice",), _SCORES),
    Loss("Tversky", ("tversky",), _SCORES),
    Loss(
        "SparseCategoricalCrossentropy",
        ("sparse_categorical_crossentropy",),
        {"multiclass": ("sparse", "logits")},
    ),
    Loss(
        "CategoricalCrossentropy",
        ("categorical_crossentropy",),
        {"multiclass": ("one_hot", "logits")},
    ),
    Loss(
        "CategoricalFocalCrossentropy",
        ("categorical_focal_crossentropy",),
        {"multiclass": ("one_hot", "logits")},
    ),
    Loss(
        "CategoricalHinge",
        ("categorical_hinge",),
        {"multiclass": ("one_hot", "margins")},
    ),
    Loss("Circle", ("circle",), {"multiclass": ("sparse", "embedding")}),
    Loss(
        "CategoricalGeneralizedCrossEntropy",
        ("categorical_generalized_cross_entropy",),
        {"multiclass": ("sparse", "probabilities")},
        by_name=False,
    ),
    # No task has sequences of labels, so this loss needs `--no-demo`.
    Loss("CTC", ("ctc",), {}),
)

#: The loss that Keras means by "crossentropy", for each task.
CROSSENTROPY = {
    "binary": "BinaryCrossentropy",
    "multiclass": "SparseCategoricalCrossentropy",
}
