"""Names the causes that differences show by themselves: the names of the logs."""

import re

from ..causes import Explanation, finding
from .differences import Difference

_LOG = re.compile("(history|evaluate|steps|trained)/")


def diagnose(differences: list[Difference]) -> Explanation | None:
    """Returns the cause of differences, if the names of the logs show it.

    Args:
        differences: The differences that exceed rounding errors.
    """
    parts = {d.part for d in differences}
    lost = {d.part for d in differences if d.text.startswith("only ")}
    if lost & {"history", "evaluate"}:
        return _names_differ([d for d in differences if _LOG.match(d.key)])
    if parts <= {"order", "evaluate_list"}:
        return finding("log_order")
    if parts == {"predict"}:
        return finding("predict")
    return None


def log_of(difference: Difference) -> str:
    """Returns the name of the log in `history/val_loss/0` or `trained/1/loss`."""
    if not _LOG.match(difference.key):
        return ""
    names = [part for part in difference.key.split("/")[1:] if not part.isdigit()]
    return names[-1].removeprefix("val_") if names else ""


def _names_differ(reports) -> Explanation:
    lacking = sorted({log_of(d) for d in reports if d.text.startswith("only Keras")})
    if "loss" in lacking:
        return finding("lacks_loss")
    if lacking:
        return finding("lacks_logs", ", ".join(lacking))
    return finding("extra_logs")
