"""Equal to `keras.Model`'s own trainer, to the last bit: history, evaluation, weights.

Every feature is a case of `scaffold.verify.parity`. CI compares each case with three
classes, in turn; the everyday run compares some, and each combination of options once.
That the comparison can fail is shown in `test_verify.py`.
"""

from dataclasses import replace
from itertools import groupby

import pytest
from matrix import core_specs, identify

from scaffold import Spec
from scaffold.verify.class_under_test import generated_class
from scaffold.verify.parity.case_list import CASES
from scaffold.verify.parity.check import check_case, not_applicable, reference


def pairs(turns: tuple[int, ...]) -> list:
    """Lists cases with classes.

    Two classes that have the same reference (style and weights) make a turn: they
    differ in all other options, so each value of an option meets each case.

    Args:
        turns: Which turns to take.
    """
    found, met = [], set()
    for number, case in enumerate(CASES):
        specs = [s for s in core_specs(task=task_of(case)) if applies(case, s)]
        by_reference = sorted(specs, key=_reference)
        groups = [list(group) for _, group in groupby(by_reference, _reference)]
        for turn in range(min(turns), min(max(turns) + 1, len(groups))):
            group = groups[(number + turn) % len(groups)]
            first = number // len(groups) % len(group)
            # Where all classes apply, the last is the opposite of the first.
            for spec in dict.fromkeys((group[first], group[-1 - first])):
                name = f"{case.group}: {case.name} - {identify(spec)}"
                # Every day what `kscaffold verify --quick` takes, and other options.
                daily = case.quick and spec is group[first] or _class(spec) not in met
                met |= {_class(spec)} if daily else set()
                marks = [] if daily else [pytest.mark.exhaustive]
                found.append(pytest.param(case, spec, id=name, marks=marks))
    return found


def one_each(params: list) -> list:
    """Leaves one class for each case: of two opposite ones, they take turns."""
    classes = {}
    for param in params:
        classes.setdefault(param.values[0].name, []).append(param)
    return [found[n % len(found)] for n, found in enumerate(classes.values())]


def task_of(case) -> str:
    """Returns the task whose loss the case needs."""
    return "multiclass" if case.needs == "sparse" else "regression"


def applies(case, spec) -> bool:
    """Whether a case has a meaning for a class."""
    return not not_applicable(case, generated_class(spec))


def _class(spec: Spec) -> Spec:
    """Returns what a spec says of the steps, which are the same in every style."""
    return replace(spec, task=Spec().task, style=Spec().style)


def _reference(spec: Spec) -> tuple:
    """Returns the options on which the reference depends."""
    return spec.style, spec.sample_weight


@pytest.mark.parametrize(("case", "spec"), pairs(turns=(0,)))
def test_parity(case, spec):
    """A feature of Keras works with a generated class as with Keras's own."""
    compare(case, spec)


@pytest.mark.exhaustive
@pytest.mark.parametrize(("case", "spec"), one_each(pairs(turns=(1,))))
def test_parity_of_more(case, spec):
    """Every feature works with a class of another style, with or without weights."""
    compare(case, spec)


def compare(case, spec):
    """Compares, and makes sure that there was something to compare."""
    verdict = check_case(case, generated_class(spec))
    assert "exact" == verdict.outcome, verdict

    kept = reference(case, generated_class(spec))
    assert kept["moved"], "nothing was trained: the comparison says nothing"
    assert len(kept) > 3


def test_every_option_takes_its_turn():
    """The everyday run meets every core combination, and CI each in every style."""
    daily = [p.values[1] for p in pairs(turns=(0,)) if not p.marks]
    met = {replace(p.values[1], task=Spec().task) for p in pairs(turns=(0,))}

    assert {_class(spec) for spec in core_specs()} == {*map(_class, daily)}
    assert {spec.style for spec in core_specs()} == {spec.style for spec in daily}
    assert {*core_specs()} == met


def test_every_case_is_met():
    """No case is without a class to which it applies."""
    assert {case.name for case in CASES} == {
        p.values[0].name for p in pairs(turns=(0,))
    }
    assert len(CASES) == len({case.name for case in CASES})
