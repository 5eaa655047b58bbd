"""The invariants that every training step must satisfy."""

from . import gradient_checks, step_checks, training_checks
from .invariant import Invariant

INVARIANTS = (
    Invariant("the state keeps its structure", step_checks.state_structure),
    Invariant("the logs are scalars", step_checks.scalar_logs, quick=True),
    Invariant(
        "no variable is read outside the state",
        step_checks.captured_variables,
        quick=True,
    ),
    Invariant("no tracer leaks from the step", step_checks.leaked_tracers),
    Invariant("the state works as a scan carry", step_checks.scan_carry),
    Invariant("the steps are compiled", training_checks.compilation, excused=None),
    Invariant("each step compiles once", training_checks.recompilation),
    Invariant("all state is updated", step_checks.state_updates, quick=True),
    Invariant(
        "gradients reach every variable",
        training_checks.gradients,
        excused=("build", "call"),
    ),
    Invariant("the loss falls along the gradient", gradient_checks.descent),
    Invariant(
        "regularizers and added losses reach the loss",
        gradient_checks.added_losses,
    ),
    Invariant(
        "random numbers depend on the state", step_checks.random_keys, quick=True
    ),
    Invariant("metrics are reset each epoch", training_checks.metric_resets),
    Invariant("evaluation changes no weights", training_checks.evaluation),
    Invariant("a loaded model continues training", training_checks.saving),
    Invariant("train_on_batch trains like fit", training_checks.train_on_batch),
    Invariant(
        "steps_per_execution changes nothing",
        training_checks.same_result_with(steps_per_execution=3),
    ),
    Invariant(
        "eager execution changes nothing",
        training_checks.same_result_with(run_eagerly=True),
        quick=True,
    ),
    Invariant(
        "sample weights change the loss", training_checks.sample_weights, weighted=True
    ),
)
