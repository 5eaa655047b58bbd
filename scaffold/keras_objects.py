"""The losses and metrics of Keras, as data: generating code must not import Keras.

A loss says, for each task that it fits, which kind of targets it compares and what
the model must put out for it; a metric says which of these it can follow, and with
which arguments. `tests/test_keras_objects.py` holds this table against Keras itself.

Targets: `real`, `positive` and `vector` (several real numbers) for regression, as well
as `distribution`; `binary` (0 or 1); `sparse` (the number of a class); `one_hot`.

Outputs: `linear` (any real number), `positive`, `logits` (unnormalized scores),
`margins` (scores around zero), `probabilities`, `embedding` (vectors of length one).
"""

from typing import NamedTuple

from .errors import SpecError, did_you_mean


class Loss(NamedTuple):
    """A class of `keras.losses`.

    `fits` maps a task to its (targets, outputs); `by_name` says whether `compile()`
    takes the first alias in place of the object.
    """

    name: str
    aliases: tuple[str, ...]
    fits: dict[str, tuple[str, str]]
    by_name: bool = True


class Metric(NamedTuple):
    """A class of `keras.metrics` that compares `y_true` with `y_pred`.

    `arguments` maps each kind of outputs that the metric can read to the arguments
    that it needs for them; `always` are the arguments that it needs for all;
    `weighable` says whether it takes a weight for each sample.
    """

    name: str
    aliases: tuple[str, ...]
    targets: frozenset[str]
    arguments: dict[str, str]
    always: str = ""
    weighable: bool = True


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
    # No task makes sequences of labels: for --no-demo.
    Loss("CTC", ("ctc",), {}),
)

_ARRAYS = frozenset({"real", "positive", "vector", "distribution", "binary", "one_hot"})
_ONE = frozenset({"real", "positive"})
_MANY = frozenset({"vector", "distribution", "one_hot"})
_CLASSES = frozenset({"binary", "one_hot"})
_BINARY, _SPARSE, _ONE_HOT = (
    frozenset({"binary"}),
    frozenset({"sparse"}),
    frozenset({"one_hot"}),
)

# How a metric reads the outputs, by what it needs to know of them.
_ANY = dict.fromkeys(("linear", "positive", "logits", "margins", "probabilities"), "")
_PROBABILITIES = {"probabilities": ""}
_NONNEGATIVE = {"positive": "", "probabilities": ""}
_THRESHOLD = {
    "logits": "threshold=0.0",
    "margins": "threshold=0.0",
    "probabilities": "",
}
_THRESHOLDS = {
    "logits": "thresholds=0.0",
    "margins": "thresholds=0.0",
    "probabilities": "",
}
_FROM_LOGITS = {"logits": "from_logits=True", "probabilities": ""}
_MARGINS = {"linear": "", "logits": "", "margins": ""}

METRICS = (
    Metric("MeanSquaredError", ("mean_squared_error", "mse"), _ARRAYS, _ANY),
    Metric("RootMeanSquaredError", ("root_mean_squared_error",), _ARRAYS, _ANY),
    Metric("MeanAbsoluteError", ("mean_absolute_error", "mae"), _ARRAYS, _ANY),
    Metric(
        "MeanAbsolutePercentageError",
        ("mean_absolute_percentage_error", "mape"),
        _ARRAYS,
        _ANY,
    ),
    Metric(
        "MeanSquaredLogarithmicError",
        ("mean_squared_logarithmic_error", "msle"),
        _ARRAYS - {"real", "vector"},
        _NONNEGATIVE,
    ),
    Metric("CosineSimilarity", ("cosine_similarity",), _MANY, _ANY),
    Metric("LogCoshError", ("log_cosh_error",), _ARRAYS, _ANY),
    Metric("R2Score", ("r2_score",), _ARRAYS, _ANY),
    # Along the batch: a single output has no correlation along the last axis.
    Metric("PearsonCorrelation", ("pearson_correlation",), _ONE, _ANY, "axis=0", False),
    Metric(
        "ConcordanceCorrelation",
        ("concordance_correlation",),
        _ONE,
        _ANY,
        "axis=0",
        False,
    ),
    Metric("Poisson", ("poisson",), _ARRAYS - {"real", "vector"}, _NONNEGATIVE),
    Metric(
        "KLDivergence",
        ("kl_divergence",),
        frozenset({"distribution", "one_hot"}),
        _PROBABILITIES,
    ),
    Metric("BinaryAccuracy", ("binary_accuracy",), _CLASSES, _THRESHOLD),
    Metric(
        "BinaryCrossentropy", ("binary_crossentropy", "bce"), _CLASSES, _FROM_LOGITS
    ),
    Metric("BinaryIoU", ("binary_io_u",), _BINARY, _THRESHOLD),
    Metric("AUC", ("auc",), _CLASSES, _FROM_LOGITS),
    Metric("Precision", ("precision",), _CLASSES, _THRESHOLDS),
    Metric("Recall", ("recall",), _CLASSES, _THRESHOLDS),
    Metric("TruePositives", ("true_positives",), _CLASSES, _THRESHOLDS),
    Metric("TrueNegatives", ("true_negatives",), _CLASSES, _THRESHOLDS),
    Metric("FalsePositives", ("false_positives",), _CLASSES, _THRESHOLDS),
    Metric("FalseNegatives", ("false_negatives",), _CLASSES, _THRESHOLDS),
    Metric(
        "PrecisionAtRecall",
        ("precision_at_recall",),
        _CLASSES,
        _PROBABILITIES,
        "recall=0.5",
    ),
    Metric(
        "RecallAtPrecision",
        ("recall_at_precision",),
        _CLASSES,
        _PROBABILITIES,
        "precision=0.5",
    ),
    Metric(
        "SensitivityAtSpecificity",
        ("sensitivity_at_specificity",),
        _CLASSES,
        _PROBABILITIES,
        "specificity=0.5",
    ),
    Metric(
        "SpecificityAtSensitivity",
        ("specificity_at_sensitivity",),
        _CLASSES,
        _PROBABILITIES,
        "sensitivity=0.5",
    ),
    Metric("Hinge", ("hinge",), _CLASSES, _MARGINS),
    Metric("SquaredHinge", ("squared_hinge",), _CLASSES, _MARGINS),
    Metric("CategoricalHinge", ("categorical_hinge",), _ONE_HOT, _ANY),
    Metric("CategoricalAccuracy", ("categorical_accuracy",), _ONE_HOT, _ANY),
    Metric(
        "CategoricalCrossentropy", ("categorical_crossentropy",), _ONE_HOT, _FROM_LOGITS
    ),
    Metric(
        "TopKCategoricalAccuracy",
        ("top_k_categorical_accuracy",),
        _ONE_HOT,
        _ANY,
        "k=2",
    ),
    Metric("F1Score", ("f1_score",), _ONE_HOT, _ANY, 'average="macro"'),
    Metric("FBetaScore", ("f_beta_score",), _ONE_HOT, _ANY, 'average="macro"'),
    Metric(
        "SparseCategoricalAccuracy", ("sparse_categorical_accuracy",), _SPARSE, _ANY
    ),
    Metric(
        "SparseCategoricalCrossentropy",
        ("sparse_categorical_crossentropy",),
        _SPARSE,
        _FROM_LOGITS,
    ),
    Metric(
        "SparseTopKCategoricalAccuracy",
        ("sparse_top_k_categorical_accuracy",),
        _SPARSE,
        _ANY,
        "k=2",
    ),
    Metric(
        "IoU",
        ("io_u",),
        _SPARSE,
        _ANY,
        "num_classes=3, target_class_ids=[0], sparse_y_pred=False",
    ),
    Metric(
        "MeanIoU", ("mean_io_u",), _SPARSE, _ANY, "num_classes=3, sparse_y_pred=False"
    ),
    Metric(
        "OneHotIoU",
        ("one_hot_io_u",),
        _ONE_HOT,
        _ANY,
        "num_classes=3, target_class_ids=[0]",
    ),
    Metric("OneHotMeanIoU", ("one_hot_mean_io_u",), _ONE_HOT, _ANY, "num_classes=3"),
)

# Keras picks the class by the shape of the targets; we know the targets.
ACCURACY = {
    "binary": "BinaryAccuracy",
    "one_hot": "CategoricalAccuracy",
    "sparse": "SparseCategoricalAccuracy",
}
CROSSENTROPY = {
    "binary": "BinaryCrossentropy",
    "multiclass": "SparseCategoricalCrossentropy",
}

# Classes of `keras.metrics` that do not compare `y_true` with `y_pred`.
NOT_COMPARING = ("Mean", "Sum", "Metric", "MeanMetricWrapper")


def find(table: tuple, name: str, kind: str) -> tuple:
    """Finds a loss or a metric by the name of its class or by a Keras alias.

    Args:
        table: `LOSSES` or `METRICS`.
        name: What the user typed: `MeanAbsoluteError`, `mae`, `MAE`, ...
        kind: "loss" or "metric", for the error.

    Returns:
        The entry of the table, and the alias that names it in the logs.

    Raises:
        SpecError: If Keras has no such loss or metric, or it compares nothing.
    """
    for entry in table:
        if name == entry.name:
            return entry, entry.aliases[0]
        if name.lower() in entry.aliases:
            return entry, name.lower()
    if "," in name:
        words = " ".join(f"--{kind} {word.strip()}" for word in name.split(","))
        hint = f"Repeat the option: {words}." if kind == "metric" else "Name one."
    elif name in NOT_COMPARING and table is METRICS:
        hint = f"{name} does not compare y_true with y_pred: add it by hand afterwards."
    else:
        # Names that Keras resolves by the targets, and `objective.py` by the task.
        by_targets = {"loss": "crossentropy", "metric": "accuracy"}[kind]
        words = [*known_names(table), by_targets]
        hint = did_you_mean(name, words, "`kscaffold list` names all that there are.")
    raise SpecError(f"Keras has no {kind} {name!r} that can be generated.", hint)


def known_names(table: tuple) -> tuple[str, ...]:
    """Lists all names by which the losses or metrics of a table are found."""
    return tuple(name for entry in table for name in (*entry.aliases, entry.name))
