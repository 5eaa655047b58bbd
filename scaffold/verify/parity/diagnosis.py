"""Finds the usual cause of the differences between Keras and a class under test."""

import re

from ..causes import Explanation, finding, of_group
from .case import Case
from .differences import Difference
from .layers import stateful

#: Parts that only training changes.
TRAINED = {"weights", "optimizer"}

#: Parts that only an evaluation or a prediction shows.
EVALUATED = {"evaluate", "evaluate_list", "predict", "weights_after"}

_LOG = re.compile("(history|evaluate|steps|trained)/")


def diagnose(case: Case, differences: list[Difference]) -> Explanation:
    """Returns the usual cause and the fix of differences.

    If trained variables differ, the gradient is wrong. If only reported values differ,
    the loss tracker or the metrics are. If only the evaluation differs, `test_step()`
    is.

    Args:
        case: The case.
        differences: The differences that exceed rounding errors.
    """
    parts = {d.part for d in differences}
    lost = {d.part for d in differences if d.text.startswith("only ")}
    reports = [d for d in differences if _LOG.match(d.key)]
    if lost & {"history", "evaluate"}:
        return _names_differ(reports)
    if parts & TRAINED or any(d.part == "trained" and not _log(d) for d in differences):
        return _training_differs(case, differences)
    if case.report_finding:
        return finding(case.report_finding)
    if parts <= {"order", "evaluate_list"}:
        return finding("log_order")
    if all(d.part in EVALUATED or "/val_" in d.key for d in differences):
        return _evaluation_differs(case, parts)
    if {_log(d) for d in reports} == {"loss"}:
        return _reported_loss_differs(case, reports)
    return _metrics_differ(case, {_log(d) for d in reports})


def _log(difference: Difference) -> str:
    """Returns the name of the log in `history/val_loss/0` or `trained/1/loss`."""
    names = [part for part in difference.key.split("/")[1:] if not part.isdigit()]
    return names[-1].removeprefix("val_") if names else ""


def _names_differ(reports) -> Explanation:
    lacking = sorted({_log(d) for d in reports if d.text.startswith("only Keras")})
    if "loss" in lacking:
        return finding("lacks_loss")
    if lacking:
        return finding("lacks_logs", ", ".join(lacking))
    return finding("extra_logs")


def _training_differs(case: Case, differences) -> Explanation:
    if case.training_finding:
        return finding(case.training_finding)
    if case.group not in ("losses", "metrics"):
        return of_group(case.group)
    # Before the first update, only a wrong loss can change the reported loss.
    first = [d for d in differences if d.key == "steps/0/loss"]
    if not first:
        return finding("update")
    if case.plain or case.group == "metrics":
        return finding("other_loss")
    return finding("losses_left_out" if first[0].below else "losses_counted_twice")


def _evaluation_differs(case: Case, parts: set[str]) -> Explanation:
    if parts == {"predict"}:
        return finding("predict")
    depends_on_mode = case.group == "state" or case.layers is stateful
    return finding("evaluation_mode" if depends_on_mode else "evaluation")


def _reported_loss_differs(case: Case, reports) -> Explanation:
    if all(d.zero for d in reports):
        return finding("idle_tracker")
    if case.group == "precision":
        return finding("scaled_loss")
    return finding("mean_over_batches")


def _metrics_differ(case: Case, names: set[str]) -> Explanation:
    name = "unweighted_metrics" if case.weighted else "metrics"
    return finding(name, ", ".join(sorted(names)))
