"""Generated classes equal `keras.Model` to the last bit.

Every feature is a case of `scaffold.verify.parity`. CI compares each case with three
classes, in turn; the everyday run compares some, and each combination of options once.
`test_verify.py` shows that the comparison can fail.
"""

from collections import Counter
from dataclasses import replace
from itertools import groupby

import pytest
from keras_numbers import reference
from matrix import core_specs, identify

from scaffold import Spec
from scaffold.verify.class_under_test import generated_class
from scaffold.verify.parity.case_list import CASES
from scaffold.verify.parity.check import check_case, not_applicable


def pairs(turns: tuple[int, ...]) -> list:
    """Lists cases with classes.

    A turn is two classes with the same reference (style and weights) that differ in all
    other options. So each value of an option meets each case.

    Args:
        turns: The numbers of the turns.
    """
    found, met, uses = [], set(), Counter()
    for number, case in enumerate(CASES):
        specs = [s for s in core_specs(task=task_of(case)) if applies(case, s)]
        by_reference = sorted(specs, key=_reference)
        groups = [list(group) for _, group in groupby(by_reference, _reference)]
        for turn in range(min(turns), min(max(turns) + 1, len(groups))):
            group = groups[(number + turn) % len(groups)]
            # The class that the fewest cases have had so far.
            first = min(range(len(group)), key=lambda n: uses[_regression(group[n])])
            # If all classes apply, the last is the opposite of the first.
            for spec in dict.fromkeys((group[first], group[-1 - first])):
                uses[_regression(spec)] += 1
                name = f"{case.group}: {case.name} - {identify(spec)}"
                # Every day: the cases of `--quick`, and every combination of options.
                daily = case.quick and spec is group[first] or _class(spec) not in met
                met |= {_class(spec)} if daily else set()
                marks = [] if daily else [pytest.mark.exhaustive]
                found.append(pytest.param(case, spec, id=name, marks=marks))
    return found


def one_each(params: list) -> list:
    """Keeps one class for each case, alternating between opposite classes."""
    classes = {}
    for param in params:
        classes.setdefault(param.values[0].name, []).append(param)
    return [found[n % len(found)] for n, found in enumerate(classes.values())]


def task_of(case) -> str:
    """Returns the task whose loss the case needs."""
    return "multiclass" if case.needs == "sparse" else "regression"


def applies(case, spec) -> bool:
    """Whether a case applies to a class."""
    return not not_applicable(case, generated_class(spec))


def _regression(spec: Spec) -> Spec:
    """Returns a spec with the default task."""
    return replace(spec, task=Spec().task)


def _class(spec: Spec) -> Spec:
    """Returns the options that change the steps, which are equal in every style."""
    return replace(_regression(spec), style=Spec().style)


def _reference(spec: Spec) -> tuple:
    """Returns the options on which the reference depends."""
    return spec.style, spec.sample_weight


@pytest.mark.parametrize(("case", "spec"), pairs(turns=(0,)))
def test_parity(case, spec):
    """A Keras feature works with a generated class as with `keras.Model`."""
    compare(case, spec)


@pytest.mark.exhaustive
@pytest.mark.parametrize(("case", "spec"), one_each(pairs(turns=(1,))))
def test_parity_of_more(case, spec):
    """Every feature works with a class of another style or with weights."""
    compare(case, spec)


def compare(case, spec):
    """Compares a class with Keras, and checks that training changed the weights."""
    verdict = check_case(case, generated_class(spec))
    assert "exact" == verdict.outcome, verdict

    kept = reference(case, generated_class(spec))
    assert kept["moved"], "nothing was trained, so the comparison proves nothing"
    assert len(kept) > 3


def test_every_option_takes_its_turn():
    """The everyday run has every combination of options, and CI has every style."""
    daily = [p.values[1] for p in pairs(turns=(0,)) if not p.marks]
    met = {_regression(p.values[1]) for p in pairs(turns=(0,))}

    assert {_class(spec) for spec in core_specs()} == {*map(_class, daily)}
    assert {spec.style for spec in core_specs()} == {spec.style for spec in daily}
    assert {*core_specs()} == met


def test_every_case_is_met():
    """Every case applies to some class, or to models of `--build`."""
    assert {case.name for case in CASES if not case.built} == {
        p.values[0].name for p in pairs(turns=(0,))
    }
    assert len(CASES) == len({case.name for case in CASES})
