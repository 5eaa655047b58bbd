"""Proves causes: finds the mistakes in Keras's own steps that give the numbers."""

from collections.abc import Callable
from functools import cache

from .case import Case
from .differences import Difference
from .mistakes import EVALUATION, IN_TRAINING, REPORTING, TRAINING, UNKNOWN, Mistake

#: Runs with a mistake that may fail to reproduce numbers, for one class.
MAX_FRUITLESS = 160

#: Mistakes in training and in evaluation that are made together.
Made = tuple[tuple[Mistake, ...], tuple[Mistake, ...]]

#: Runs a case with mistakes, and returns what then differs from the class under test.
Attempt = Callable[[frozenset, frozenset, set], list[Difference]]


class Proof:
    """What is proven for a class so far.

    Attributes:
        proven: The mistakes that reproduce its numbers. First those that did so last.
        ruled_out: The codes of the mistakes that were tried last, in vain.
        has_own_loss: Whether its steps are right, but its loss or its metrics are other
            ones than `keras.Model` was compiled with.
    """

    def __init__(self):
        """Starts with nothing."""
        self.proven: list[Made] = []
        self._last = 0  # how many of them reproduced the last numbers
        self.ruled_out: tuple[str, ...] = ()
        self.has_own_loss = False
        self.left = MAX_FRUITLESS

    def explain(
        self, case: Case, differences: list[Difference], attempt: Attempt
    ) -> list[Made]:
        """Returns the mistakes that reproduce the numbers of a class.

        Args:
            case: The case.
            differences: How the numbers differ from those of Keras's own steps.
            attempt: Runs the case with mistakes.

        Returns:
            Alternatives. Each has the mistakes that are made together. Empty if no
            known mistake gives these numbers.
        """
        search = _Search(self, case, differences, attempt)
        found = search.alternatives()
        self._put_first(found)
        self.ruled_out = search.tried()
        return found

    def explain_again(self, attempt: Attempt) -> list[Made]:
        """Returns the proven mistakes that reproduce the numbers of a case.

        A mistake that did not explain the last failure, while another one did, is tried
        only if that one fails. So few are tried in each case.
        """
        last, others = self.proven[: self._last], self.proven[self._last :]
        found = [made for made in last if not attempt(*changes_of(made), set())]
        found = found or [m for m in others if not attempt(*changes_of(m), set())]
        self._put_first(found)
        return found

    def _put_first(self, found: list[Made]) -> None:
        found = [made for made in found if UNKNOWN not in made[1]]
        if found:
            self.proven = [*found, *(m for m in self.proven if m not in found)]
            self._last = len(found)


@cache
def proof_for(load) -> Proof:
    """Returns the proof of the class that a function loads."""
    return Proof()


def changes_of(made: Made) -> tuple[frozenset, frozenset]:
    """Returns the changes of the steps that make mistakes."""
    training, evaluation = (
        frozenset().union(*(m.changes for m in some)) for some in made
    )
    return training, evaluation


def codes_of(made: Made) -> tuple[str, ...]:
    """Returns the codes of mistakes that are made together."""
    training, evaluation = ([m.code for m in some] for some in made)
    others = [code for code in evaluation if IN_TRAINING.get(code) not in training]
    return tuple(dict.fromkeys([*training, *others]))


#: What a mistake in training changes, beside the reports.
TRAINED = ("weights", "optimizer", "trained")


class _Search:
    """The search for the mistakes that explain one case."""

    def __init__(self, proof: Proof, case: Case, differences, attempt: Attempt):
        self.proof, self.attempt = proof, attempt
        self.differences = differences
        self.training = [m for m in TRAINING if _can_matter(m, case)]
        self.reporting = [m for m in REPORTING if _can_matter(m, case)]
        self.evaluation = [m for m in EVALUATION if _can_matter(m, case)]
        self.seen, self.made, self.met = {}, [], set()
        self.partial = []

    def alternatives(self) -> list[Made]:
        """Returns the mistakes that reproduce every number, the simplest only.

        If there are none, they are those that reproduce the numbers of training.
        """
        if not any(d.is_of_training for d in self.differences):
            return [((), (m,)) for m in self.evaluation if self._matches((), (m,))]
        return self._singles() or self._pairs() or self.partial[:1]

    def tried(self) -> tuple[str, ...]:
        """Returns the codes of the mistakes that were tried."""
        return tuple(
            dict.fromkeys(code for made in self.made for code in codes_of(made))
        )

    def _singles(self) -> list[Made]:
        moved = any(d.part in TRAINED for d in self.differences)
        for group in (self.training if moved else (), self.reporting):
            found = [made for m in group for made in self._with_evaluation((m,))]
            if found:
                return found
        return []

    def _with_evaluation(self, made: tuple[Mistake, ...]) -> list[Made]:
        """Completes mistakes in training by the one in evaluation, if both match."""
        differ = self._differences(made, made)
        if differ is None or any(d.is_of_training for d in differ):
            return []
        # The same mistakes in both steps, in training alone, or others.
        others = [made, (), *((m,) for m in (*made, *self.evaluation) if (m,) != made)]
        found = [(made, other) for other in others if self._matches(made, other)][:1]
        self.partial += [] if found else [(made, (UNKNOWN,))]
        return found

    def _pairs(self) -> list[Made]:
        """Tries two mistakes at once, one in the weights and one in the reports."""
        right_weights = [
            (m,) for m in self.training if self._gives_the_weights((m,))
        ] or [()]
        known = {made[0] for made in self.proof.proven if len(made[0]) == 1}
        pairs = [(*one, m) for one in right_weights if one for m in self.reporting]
        pairs += [
            (*one, m)
            for one in known
            for m in (*self.training, *self.reporting)
            if (m,) != one
        ]
        pairs = [*{frozenset(pair): pair for pair in pairs}.values()]
        for pair in pairs:
            found = self._with_evaluation(pair)
            if found:
                # Others that have one of them may give these numbers as well.
                like = [p for p in pairs if p != pair and {*p} & {*pair}]
                return found + [m for p in like for m in self._with_evaluation(p)]
        return []

    def _gives_the_weights(self, made: tuple[Mistake, ...]) -> bool:
        differ = self._differences(made, made)
        return differ is not None and not any(d.part in TRAINED for d in differ)

    def _matches(self, training, evaluation) -> bool:
        return self._differences(training, evaluation) == []

    def _differences(self, training, evaluation) -> list[Difference] | None:
        """Returns what differs with mistakes, or `None` if they were not tried."""
        changes = changes_of((training, evaluation))
        known = (training, evaluation) in self.proof.proven
        if changes not in self.seen:
            if (self.proof.left <= 0 and not known) or not self._can_differ(changes):
                return None
            self.seen[changes] = self.attempt(*changes, self.met)
            self.made.append((training, evaluation))
            self.proof.left -= bool(self.seen[changes]) and not known
        return self.seen[changes]

    def _can_differ(self, changes: tuple) -> bool:
        """Whether the case has losses that the changes leave out or double."""
        kinds = {c.removesuffix(" twice") for some in changes for c in some}
        kinds = {c.removesuffix(" left out") for c in kinds}
        needed = kinds & {"added losses", "regularizers"}
        met = {name.removesuffix(" left out") for name in self.met}
        return not self.seen or not needed or bool(needed & met)


def _can_matter(mistake: Mistake, case: Case) -> bool:
    """Whether a mistake can change the numbers of a case."""
    scaled = ("loss not scaled", "scaled loss reported", "clipped before")
    for change in mistake.changes:
        if ("weights" in change) and not case.weighted:
            return False
        if any(word in change for word in scaled) and not case.scales_loss:
            # Without a scale, the change alone does nothing.
            return False
    return True
