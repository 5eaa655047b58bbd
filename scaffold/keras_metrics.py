"""The metrics of Keras as a table. Generating code must not import Keras.

The table gives the kinds of targets and outputs that a metric accepts, which
`keras_losses.py` lists. `tests/test_keras_names.py` checks the table against Keras.
"""

from typing import NamedTuple


class Metric(NamedTuple):
    """A class of `keras.metrics` that compares `y_true` with `y_pred`.

    Attributes:
        name: The name of the class.
        aliases: The names that `keras.metrics.get()` accepts.
        targets: The kinds of targets that the metric accepts.
        arguments: Maps each kind of outputs that the metric accepts to the arguments
            that it needs for them.
        always: The arguments that it needs for all kinds of outputs.
        weighable: Whether it accepts sample weights.
    """

    name: str
    aliases: tuple[str, ...]
    targets: frozenset[str]
    arguments: dict[str, str]
    always: str = ""
    weighable: bool = True


_ARRAYS = frozenset({"real", "positive", "vector", "distribution", "binary", "one_hot"})
_ONE = frozenset({"real", "positive"})
_MANY = frozenset({"vector", "distribution", "one_hot"})
_CLASSES = frozenset({"binary", "one_hot"})
_BINARY, _SPARSE, _ONE_HOT = (
    frozenset({"binary"}),
    frozenset({"sparse"}),
    frozenset({"one_hot"}),
)

# Arguments of a metric for each kind of outputs that it accepts.
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
    # Along the batch, because one output has no correlation along the last axis.
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

#: The metric that Keras means by "accuracy", for each kind of targets.
ACCURACY = {
    "binary": "BinaryAccuracy",
    "one_hot": "CategoricalAccuracy",
    "sparse": "SparseCategoricalAccuracy",
}

#: Classes of `keras.metrics` that do not compare `y_true` with `y_pred`.
NOT_COMPARING = ("Mean", "Sum", "Metric", "MeanMetricWrapper")
