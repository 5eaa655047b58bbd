"""The comparison of a class with one reference, also with mistakes in its steps."""

from functools import partial
from typing import NamedTuple

from ..class_under_test import ClassUnderTest
from ..verdict import describe
from .case import Case
from .control import allowed_differences
from .diagnosis import log_of
from .differences import Difference, compare
from .keras_steps import use_mistaken_steps
from .run_case import run


class Reference(NamedTuple):
    """What a class is compared with.

    Attributes:
        name: What it is, for the report.
        tested: The class that gets Keras's own steps.
        numbers: What Keras's own steps compute for the case.
        is_own: Whether it is the class under test itself.
    """

    name: str
    tested: ClassUnderTest
    numbers: dict
    is_own: bool = False


class Result(NamedTuple):
    """What the class under test computes for a case, and why its evaluation fails."""

    numbers: dict
    error: Exception | None = None


class Comparison:
    """The comparison of a class with one reference.

    Attributes:
        case: The case.
        reference: The reference.
        found: All differences.
    """

    def __init__(self, case: Case, reference: Reference, result: Result):
        """Compares the numbers of the class and of the reference."""
        self.case, self.reference, self.result = case, reference, result
        self.found = self._differences(reference.numbers)
        self.allowed = {}
        self._attempts = {}

    def allow_rounding(self) -> None:
        """Allows the differences that rounding causes in Keras's own steps."""
        if all(d.size is not None for d in self.large):
            self.allowed = allowed_differences(self.case, self.reference)
            self._attempts = {}  # they may have ended before the evaluation
            self.found = [d.within(self.allowed) for d in self.found]

    @property
    def large(self) -> list[Difference]:
        """The differences that exceed rounding errors."""
        return [d for d in self.found if not d.close]

    def attempt(
        self, training: frozenset, evaluation: frozenset, met: set | None = None
    ) -> list[Difference]:
        """Returns what differs from the reference with mistakes in its steps.

        Args:
            training: The mistakes in training, as `MistakenSteps` names them.
            evaluation: The mistakes in evaluation.
            met: Collects the mistakes that left something out.
        """
        made = training, evaluation
        if made not in self._attempts:
            self._attempts[made] = self._numbers_with(training, evaluation, met)
        numbers = self._attempts[made]
        return self.large if numbers is None else self._large(numbers)

    def _numbers_with(self, training, evaluation, met) -> dict | None:
        """Returns the numbers of mistaken steps, or `None` if they fail.

        The numbers of the evaluation are left out if those of training differ.
        """
        change = partial(
            use_mistaken_steps, training=training, evaluation=evaluation, met=met
        )
        try:
            return run(self.case, self.reference.tested, change, self._differs_already)
        except Exception:
            return None

    def _differs_already(self, numbers: dict) -> bool:
        """Whether the numbers of the training differ, so that no more are needed."""
        return any(d.is_of_training for d in self._large(numbers))

    def _large(self, numbers: dict) -> list[Difference]:
        """Returns how the numbers of the class differ from others."""
        found = [d.within(self.allowed) for d in self._differences(numbers)]
        return [d for d in found if not d.close]

    def _differences(self, numbers: dict) -> list[Difference]:
        actual, idle = dict(self.result.numbers), {*numbers["idle"].tolist()}
        if self.result.error:
            numbers = {key: numbers[key] for key in numbers if key in actual}
        found = compare(without_idle(numbers), without_idle(actual))
        if self.reference.is_own and idle:
            found = [d for d in found if not _is_of_step(d, idle)]
        if self.result.error and any(not d.close for d in found):
            text = f"raises {describe(self.result.error)}"
            found.append(Difference("evaluate", text))
        return found


def without_idle(numbers: dict) -> dict:
    """Returns the numbers of a case without the names of the idle metrics."""
    return {key: value for key, value in numbers.items() if key != "idle"}


def _is_of_step(difference: Difference, idle: set[str]) -> bool:
    """Whether a log differs because the step itself updates a metric.

    Keras's own steps never update this metric, so they cannot be compared.
    """
    return log_of(difference) in idle or difference.part == "evaluate_list"
