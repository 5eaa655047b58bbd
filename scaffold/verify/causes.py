"""What usually causes a failure, and what to do: for people, in two lines."""

import re

from .case import Case

#: Errors that people's steps raise: a pattern, the cause, the fix.
ERRORS = (
    (
        r"too many values to unpack|not enough values to unpack",
        "The batch is unpacked as a pair, but it may be x, (x, y) or (x, y, weights).",
        "Use x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data).",
    ),
    (
        r"'NoneType' object is not callable|NoneType.*(subscript|attribute|iter)",
        "A variable is read outside a scope: during fit() its value is in the state.",
        "Run call() and compute_loss() in one keras.StatelessScope that maps the "
        "trainable, non-trainable and metrics variables.",
    ),
    (
        r"multiple values for argument|keyword argument 'optimizer_variables'",
        "compute_loss_and_updates() has another signature than Keras's test_step() "
        "calls it with.",
        "Give it Keras's signature, give the helper another name, or write a "
        "test_step().",
    ),
    (
        r"unexpected keyword argument 'training'",
        "call() or compute_loss() is given `training`, and does not take it.",
        "Pass `training` only if it is in inspect.signature(self.call).parameters.",
    ),
    (
        r"generated without sample weights",
        "The class refuses sample weights.",
        "Generate it again with --sample-weight.",
    ),
    (
        r"UnexpectedTracer|leaked",
        "A value of the compiled step is kept in an attribute, or in a variable "
        "outside a scope.",
        "Keep state in variables of the model, and return their new values.",
    ),
    (
        r"out_shardings|pytree|tree structure",
        "The state that comes out is built in another way than the state that came in.",
        "Return a tuple of lists, like the one that the step got.",
    ),
    (
        r"no attribute 'items'|logs",
        "The logs of a step are not a dict.",
        "Return (logs, state) with logs = self.compute_metrics(...).",
    ),
)

_STEP = (
    "The gradient or the update of the weights is not what Keras computes.",
    "Compare train_step() with `kscaffold new - --diff`, line by line.",
)

#: The usual cause by the group of a case, where the weights differ.
GROUPS = {
    "losses": (
        "Losses of layers, of regularizers or of add_loss() are left out or counted "
        "twice.",
        "Run call() and compute_loss() in one keras.StatelessScope(...,"
        " collect_losses=True): self.losses then has each of them once.",
    ),
    "weights": (
        "The sample weights do not reach the loss.",
        "Pass them on: self.compute_loss(x, y, y_pred, sample_weight).",
    ),
    "outputs": (
        "The losses of several outputs are not what compile() asks for.",
        "Call self.compute_loss(), and read the metrics variables back from its scope.",
    ),
    "state": (
        "The model does not run in training mode, or its new state (BatchNorm, seeds) "
        "is not returned.",
        "Pass training=True to call(), and return the new non_trainable_variables.",
    ),
    "precision": (
        "The loss is not multiplied by the loss scale before it is differentiated, or "
        "gradients are changed before the optimizer unscales them.",
        "Differentiate self.optimizer.scale_loss(loss), in a scope with the variables "
        "of the optimizer; clip with its clipnorm.",
    ),
    "optimizers": (
        "The optimizer's state does not travel through the step.",
        "Use self.optimizer.stateless_apply() and return its optimizer_variables.",
    ),
    "data": (
        "The batch is not taken as Keras gives it.",
        "Use keras.utils.unpack_x_y_sample_weight(data).",
    ),
    "callbacks": (
        "State is kept outside the state of the step, where callbacks cannot reach it.",
        "Return all new state from train_step(); test_step() must not change weights.",
    ),
    "execution": (
        "The step depends on Python state, or its logs are not those of the epoch.",
        "Keep what changes in keras.Variables; take the logs from compute_metrics().",
    ),
    "distribution": (
        "The state that comes out is built in another way than the state that came in.",
        "Return a tuple of lists, with the arrays that the optimizer gave back.",
    ),
    "saving": (
        "Not all state is saved, or the class is not registered.",
        "Keep state in variables; use @keras.saving.register_keras_serializable().",
    ),
}


def explain(case, error: str) -> tuple[str, str]:
    """Returns the cause and the fix of an error.

    Args:
        case: The case or the check that raised it.
        error: Its type and text.
    """
    for pattern, cause, fix in ERRORS:
        if re.search(pattern, error):
            return cause, fix
    return (
        case.cause or "The step cannot do this at all.",
        case.fix or GROUPS.get(case.group, _STEP)[1],
    )


def diagnose(case: Case, differences) -> tuple[str, str]:
    """Returns the usual cause and the fix of differences.

    What is trained differs if the gradient is wrong; if only reports differ, the loss
    tracker or the metrics are; if only the evaluation does, `test_step()` is.

    Args:
        case: The case.
        differences: What differs by more than rounding.
    """
    keys = [d.key for d in differences]
    parts = {key.split("/")[0] for key in keys}
    names = {key.split("/")[-1] for key in keys if key.startswith("evaluate/")}
    lost = [d.key for d in differences if d.text.startswith("only ")]
    if any(key.split("/")[0] in ("evaluate", "history") for key in lost):
        if any("loss" in key for key in lost):
            return (
                "The logs of test_step() or train_step() lack the loss.",
                "Take the logs from self.compute_metrics(), after the loss tracker was "
                "updated.",
            )
        return (
            "The logs have other names than Keras's: compute_metrics() is not called.",
            "Take them from self.compute_metrics(x, y, y_pred, sample_weight).",
        )
    trained = parts & {"weights", "optimizer", "trained", "weights_after", "predict"}
    reported = {
        key.split("/")[1 if key.startswith("history/") else -1].removeprefix("val_")
        for key in keys
        if key.startswith(("history/", "evaluate/", "steps/"))
    }
    if trained:
        return _of_training(case, differences)
    if parts <= {"evaluate", "evaluate_list"} or all(
        k.startswith(("evaluate", "history/val_")) for k in keys
    ):
        return (
            "Only the evaluation differs: test_step() runs in training mode, or "
            "computes another loss.",
            "Pass training=False in test_step(), and compute the loss as train_step() "
            "does.",
        )
    if reported == {"loss"}:
        return _of_the_reported_loss(case, differences)
    if names or reported:
        return _of_metrics(case, reported or names)
    return case.cause or GROUPS[case.group][0], case.fix or GROUPS[case.group][1]


def _of_training(case: Case, differences) -> tuple[str, str]:
    cause, fix = GROUPS.get(case.group, _STEP)
    first = [
        d
        for d in differences
        if re.match(r"(steps/0|history)/.*loss|history/loss", d.key)
    ]
    if not case.cause and case.group == "losses" and first:
        cause = (
            "Losses of layers, regularizers or add_loss() are left out of the loss."
            if first[0].below
            else "Losses of layers, regularizers or add_loss() are counted twice."
        )
    return case.cause or cause, case.fix or fix


def _of_the_reported_loss(case: Case, differences) -> tuple[str, str]:
    if case.group == "precision":
        return (
            "The scaled loss is reported.",
            "Report the loss as it was before self.optimizer.scale_loss().",
        )
    return (
        "The weights are right, but the reported loss is not the mean over the "
        "samples: the loss tracker is not weighted by the batch size.",
        "Update it with update_state(loss, sample_weight=batch_size).",
    )


def _of_metrics(case: Case, names: set[str]) -> tuple[str, str]:
    which = ", ".join(sorted(names))
    if case.weighted:
        return (
            f"The sample weights reach the loss but not the metrics: {which}.",
            "Pass them on: self.compute_metrics(x, y, y_pred, sample_weight).",
        )
    return (
        f"The weights are right, but the metrics are not: {which}. Their state is "
        "dropped, mixed up, or updated with other values.",
        "Update them in a StatelessScope over self.metrics_variables, by "
        "self.compute_metrics(), and read all of it back.",
    )
