"""The mistakes that people make in a training step, as changes of Keras's own steps."""

from typing import NamedTuple


class Mistake(NamedTuple):
    """A mistake that `keras_steps.MistakenSteps` can make.

    Attributes:
        code: Its key in `causes.toml`, under `mistake`.
        changes: The changes of the steps, as `MistakenSteps` knows them.
        explains: The invariants that it can break.
    """

    code: str
    changes: frozenset[str]
    explains: tuple[str, ...] = ()


def _mistake(code: str, *changes: str, explains: tuple[str, ...] = ()) -> Mistake:
    return Mistake(code, frozenset(changes), explains)


UPDATES = "all state is updated"
LOSSES = "regularizers and added losses reach the loss"
WEIGHTS = "sample weights change the loss"
DESCENT = "the loss falls along the gradient"

#: Mistakes that change what is trained. First those that matter in the fewest cases.
TRAINING = (
    _mistake("optimizer-state-dropped", "optimizer state dropped", explains=(UPDATES,)),
    _mistake("loss-not-scaled", "loss not scaled"),
    _mistake("clipped-before-unscaling", "gradients clipped before unscaling"),
    _mistake(
        "losses-left-out",
        "added losses left out",
        "regularizers left out",
        explains=(LOSSES,),
    ),
    _mistake("added-losses-left-out", "added losses left out", explains=(LOSSES,)),
    _mistake("regularizers-left-out", "regularizers left out", explains=(LOSSES,)),
    _mistake("losses-doubled", "added losses twice", "regularizers twice"),
    _mistake("added-losses-doubled", "added losses twice"),
    _mistake("regularizers-doubled", "regularizers twice"),
    _mistake(
        "sample-weights-dropped",
        "no weights in the loss",
        "no weights in the metrics",
        explains=(WEIGHTS,),
    ),
    _mistake("sample-weights-dropped", "no weights in the loss", explains=(WEIGHTS,)),
    _mistake("forward-state-dropped", "forward state dropped", explains=(UPDATES,)),
    _mistake("inference-mode", "inference mode", explains=(UPDATES,)),
    # `compute_loss_and_updates(training=False)` does not scale the loss either.
    _mistake("inference-mode", "inference mode", "loss not scaled"),
    _mistake("gradient-negated", "gradient negated", explains=(DESCENT,)),
    _mistake("sum-over-batch", "sum over the batch"),
    _mistake("model-called-directly", "self called"),
)

#: Mistakes that change only what is reported.
REPORTING = (
    _mistake("mean-over-batches", "tracker without rows"),
    _mistake("tracker-with-weights", "tracker with weights"),
    _mistake("loss-tracker-idle", "tracker left out", explains=(UPDATES,)),
    _mistake("tracker-found-by-name", "trackers by name"),
    _mistake("tracker-found-by-name", "tracker by name"),
    _mistake("scaled-loss-reported", "scaled loss reported"),
    _mistake("metrics-unweighted", "no weights in the metrics"),
    _mistake("metrics-of-loss-dropped", "metrics of the loss dropped"),
    _mistake("metrics-dropped", "metrics dropped", explains=(UPDATES,)),
    _mistake("metrics-mixed-up", "metrics reversed"),
    _mistake("metrics-by-hand", "metrics by hand"),
    _mistake("metrics-in-loss", "metrics in the loss"),
)

#: Mistakes of `test_step()` alone.
EVALUATION = (
    _mistake(
        "evaluation-in-training-mode",
        "training mode",
        explains=(UPDATES, "evaluation changes no weights"),
    ),
    _mistake(
        "evaluation-leaves-losses-out", "added losses left out", "regularizers left out"
    ),
    _mistake("evaluation-ignores-weights", "no weights in the loss"),
    _mistake(
        "evaluation-ignores-weights",
        "no weights in the loss",
        "no weights in the metrics",
    ),
    _mistake("evaluation-mean-over-batches", "tracker without rows"),
    _mistake("evaluation-tracker-idle", "tracker left out"),
    _mistake("evaluation-drops-metrics", "metrics dropped", explains=(UPDATES,)),
)

MISTAKES = (*TRAINING, *REPORTING, *EVALUATION)

#: A mistake that is none of these.
UNKNOWN = _mistake("unexplained")

#: The same mistake in training, by the code of a mistake in evaluation.
IN_TRAINING = {
    "evaluation-leaves-losses-out": "losses-left-out",
    "evaluation-ignores-weights": "sample-weights-dropped",
    "evaluation-mean-over-batches": "mean-over-batches",
    "evaluation-tracker-idle": "loss-tracker-idle",
    "evaluation-drops-metrics": "metrics-dropped",
}
