"""What usually causes a failure, and what to do: for people, in two lines."""

import re

from .parity.case import Case
from .parity.layers import stateful

#: Errors that people's steps raise: a pattern, the cause, the fix.
ERRORS = (
    (
        r"\(in predict\(\)",
        "predict_step() is not as Keras calls it.",
        "Leave it out, or return (outputs, non_trainable_variables) from "
        "predict_step(self, state, data).",
    ),
    (
        r"to unpack \(expected 4",
        "The state that comes out has another number of parts than the one that went "
        "in, or train_step() does not return (logs, state).",
        "Return logs, (trainable_variables, non_trainable_variables, "
        "optimizer_variables, metrics_variables).",
    ),
    (
        r"to unpack",
        "The batch is unpacked as a pair, but it may be x, (x, y) or (x, y, weights).",
        "Use x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data).",
    ),
    (
        r"'NoneType' object is not callable|NoneType.*(subscript|attribute|iter)",
        "A variable is read outside a scope: during fit() its value is in the state.",
        "Run the model with stateless_call(), and compute_loss() in a "
        "keras.StatelessScope that maps all three kinds of variables of the state.",
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
        r"missing.*'sample_weight'",
        "compute_loss() is called without the weights, and this model's needs them.",
        "Pass all: self.compute_loss(x, y, y_pred, sample_weight).",
    ),
    (
        r"(train|test)_step\(\) takes \d positional arguments?",
        "On JAX the steps are stateless: Keras calls train_step() with (state, data).",
        "Define train_step(self, state, data), and return (logs, state).",
    ),
    (
        r"generated without sample weights",
        "The class refuses sample weights.",
        "kscaffold update FILE.py --sample-weight",
    ),
    (
        r"UnexpectedTracer|[Ll]eaked",
        "A value of the compiled step is kept in an attribute, or in a variable or a "
        "metric that does not travel in the state.",
        "List every metric in `metrics`, keep state in variables of the model, and "
        "return their new values.",
    ),
    (
        r"Concretization|Tracer(Bool|Array|Integer)Conversion",
        "A Python number or condition is made of a value that is not known while the "
        "step is compiled.",
        "Leave arrays arrays; choose with keras.ops.where() or jax.lax.cond().",
    ),
    (
        r"scalar-output functions.*Output was:? \(",
        "The function that is differentiated returns more than the loss, and "
        "jax.value_and_grad() was not told so: has_aux=True is missing.",
        "Use jax.value_and_grad(function, has_aux=True), and return (loss, rest).",
    ),
    (
        r"scalar-output functions",
        "The loss is not a scalar, but one number for each sample.",
        "Take its mean: keras.ops.mean(loss).",
    ),
    (
        r"__jax_array__|Variable.*not a valid JAX type",
        "A keras.Variable is returned, not its value.",
        "Return arrays: scope.get_current_value(variable), or variable.value.",
    ),
    (
        r"out_shardings|pytree|tree structure|Mismatch|shape of the target variable",
        "The state that comes out is built in another way than the state that came in.",
        "Return a tuple of lists, in the order of the one that the step got.",
    ),
    (
        r"no attribute 'items'|logs",
        "The logs of a step are not a dict.",
        "Return (logs, state) with logs = self.compute_metrics(...).",
    ),
)

_STEP = (
    "The gradient or the update of the weights is not what Keras computes.",
    "Compare train_step() with the one that `kscaffold new -` prints, line by line.",
)

#: The usual cause by the group of a case, where the weights differ.
GROUPS = {
    "losses": (
        "Losses of layers, of regularizers or of add_loss() are left out or counted "
        "twice.",
        "In the scope of compute_loss(), scope.add_loss() what the layers added: the "
        "losses of stateless_call(..., return_losses=True) but for the regularizers at "
        "their end, which self.losses has anyway.",
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
        "The step, or something that it calls, cannot do this.",
        "The error says where it arose. If the class brings layers or a call() of its "
        "own, which the cases replace, verify what you build: --build FILE:FUNCTION.",
    )


def diagnose(case: Case, differences) -> tuple[str, str]:
    """Returns the usual cause and the fix of differences.

    What is trained differs if the gradient is wrong; if only reports differ, the loss
    tracker or the metrics are; if only the evaluation does, `test_step()` is.

    Args:
        case: The case.
        differences: What differs by more than rounding.
    """
    parts = {d.part for d in differences}
    lost = {d.part for d in differences if d.text.startswith("only ")}
    logs = re.compile("(history|evaluate|steps|trained)/")
    reports = [d for d in differences if logs.match(d.key)]
    if lost & {"history", "evaluate"}:
        return _of_names(reports)
    if parts & TRAINED or any(d.part == "trained" and not _log(d) for d in differences):
        return _of_training(case, differences)
    if parts <= {"order", "evaluate_list"}:
        return (
            "The logs come in another order than Keras's, so that evaluate() returns "
            "them in another order too.",
            "List the loss tracker first in `metrics`.",
        )
    if all(d.part in EVALUATED or "/val_" in d.key for d in differences):
        return _of_evaluation(case, parts)
    if {_log(d) for d in reports} == {"loss"}:
        return _of_the_reported_loss(case, reports)
    return _of_metrics(case, {_log(d) for d in reports})


#: What only training changes.
TRAINED = {"weights", "optimizer"}

#: What shows in evaluation alone.
EVALUATED = {"evaluate", "evaluate_list", "predict", "weights_after"}


def _log(difference) -> str:
    """Returns the name of the log in `history/val_loss/0` or `trained/1/loss`."""
    names = [part for part in difference.key.split("/")[1:] if not part.isdigit()]
    return names[-1].removeprefix("val_") if names else ""


def _of_names(reports) -> tuple[str, str]:
    lacking = sorted({_log(d) for d in reports if d.text.startswith("only Keras")})
    if "loss" in lacking:
        return (
            "The logs of test_step() or train_step() lack the loss.",
            "Take the logs from self.compute_metrics(), after the loss tracker was "
            "updated.",
        )
    if lacking:
        return (
            f"The logs lack {', '.join(lacking)}: compute_metrics() is not called, or "
            "not all metrics are listed in `metrics`.",
            "Take the logs from self.compute_metrics(x, y, y_pred, sample_weight), and "
            "list what the class owns in `metrics`.",
        )
    return (
        "The logs have names that Keras's have not: something is put beside the "
        "metrics, and what is reported for an epoch is its last batch's.",
        "Keep it in a metric of the model, which compute_metrics() then returns.",
    )


def _of_training(case: Case, differences) -> tuple[str, str]:
    if case.cause:
        return case.cause, case.fix
    if case.group != "losses":
        return GROUPS.get(case.group, _STEP)
    # Before the first update, the loss depends on nothing but the loss.
    first = [d for d in differences if d.key == "steps/0/loss"]
    if not first:
        return _STEP
    if case.plain:
        return (
            "The loss is not Keras's, from the first batch on: the class computes "
            "another one, or of other values.",
            "If it owns its loss, name it: --loss NAME. Else give compute_loss() x, y, "
            "y_pred and sample_weight as they come.",
        )
    return (
        (
            "Losses of layers, regularizers or add_loss() are left out of the loss."
            if first[0].below
            else "Losses of layers, regularizers or add_loss() are counted twice."
        ),
        GROUPS["losses"][1],
    )


def _of_evaluation(case: Case, parts: set[str]) -> tuple[str, str]:
    if parts == {"predict"}:
        return (
            "Only predict() differs: predict_step() is not Keras's.",
            "Leave it out, or return (outputs, non_trainable_variables) from it.",
        )
    if acts_differently_in_training(case):
        return (
            "Only the evaluation differs: test_step() runs in training mode.",
            "Pass training=False to call() and compute_loss() in test_step().",
        )
    return (
        "Only the evaluation differs: test_step() computes another loss, or drops the "
        "new state of the metrics.",
        "Compute the loss as train_step() does, and return the metrics_variables that "
        "came out of the scope.",
    )


def acts_differently_in_training(case: Case) -> bool:
    """Whether the case's model has layers such as Dropout."""
    return case.group == "state" or case.layers is stateful


def _of_the_reported_loss(case: Case, reports) -> tuple[str, str]:
    if all(d.zero for d in reports):
        return (
            "The weights are right, but the loss is reported as 0: the loss tracker "
            "is not updated.",
            "Update it with update_state(loss, sample_weight=batch_size).",
        )
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
