"""What a worker measured in one check."""

from typing import NamedTuple

from .comparison import EVALUATED
from .numbers import Numbers, decode


class Measurement(NamedTuple):
    """The verdict of a worker on a check, and its numbers.

    Attributes:
        verdict: The fields of `verdict.Verdict`. Its outcome is `measured`, `raises` or
            `not applicable`, or the verdict on an invariant.
        answer: The numbers as text. Empty if there are none.
    """

    verdict: dict
    answer: dict

    @property
    def outcome(self) -> str:
        """The outcome."""
        return self.verdict["outcome"]

    @property
    def is_compared(self) -> bool:
        """Whether the class ran, so that another implementation should run, too."""
        contract = self.verdict["group"] == "contract"
        return not contract and self.outcome in ("measured", "raises")


def decoded(answer: dict) -> Numbers | None:
    """Returns the numbers of an answer, or `None` if it has none or is damaged."""
    try:
        values = {str(key): decode(text) for key, text in answer["values"].items()}
        names = {str(key): str(name) for key, name in answer["names"].items()}
        noise = answer.get("noise", {})
        if not all(type(change) is float for change in noise.values()):
            return None
    except (LookupError, AttributeError, ValueError):
        return None
    return Numbers(values, names)


def without_evaluation(numbers: Numbers) -> Numbers:
    """Returns the numbers of the training alone."""
    values = {
        key: value
        for key, value in numbers.values.items()
        if key.split("/")[0] not in EVALUATED
    }
    return Numbers(values, numbers.names)
