"""Equal to `keras.Model`'s own trainer, to the last bit: history, evaluation, weights.

Every feature is a case of `scaffold/verify/cases.py`. The everyday run takes most with
one or two classes, chosen so that the classes take turns; CI takes each with three.
That the comparison can fail is shown in `test_verify.py`.
"""

from dataclasses import replace
from itertools import groupby

import pytest
from matrix import core_specs, identify

from scaffold import Spec
from scaffold.verify.cases import CASES
from scaffold.verify.harness import check, not_applicable, reference
from scaffold.verify.subject import subject_of_spec

#: Features that others have as well: they are left to CI.
RARE = (
    *("overridden compute_loss without training", "add_loss in a layer"),
    *("weights in a generator", "weighted validation data", "outputs in a list"),
    *("weights per output in a list", "batch normalization", "frozen layers"),
    *("dropout", "dropout without a seed", "mixed_float16 with weights"),
    *("mixed_bfloat16", "SGD with momentum", "moving average that overwrites"),
    *("clipvalue", "global_clipnorm", "PyDataset with weights"),
    *("arrays on the device", "train_on_batch with weights", "ReduceLROnPlateau"),
    *("a callback that restores the weights", "DataParallel with weights"),
)


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
                # Every day the first, and the last if it is a class not met so far.
                daily = spec is group[first] or _class(spec) not in met
                daily = daily and case.name not in RARE
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
    return not not_applicable(case, subject_of_spec(spec))


def _class(spec: Spec) -> Spec:
    """Returns what a spec says of the class, whatever its task."""
    return replace(spec, task=Spec().task)


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
    verdict = check(case, subject_of_spec(spec))
    assert "exact" == verdict.outcome, verdict

    kept = reference(case, subject_of_spec(spec))
    assert kept["moved"], "nothing was trained: the comparison says nothing"
    assert len(kept) > 3


def test_every_option_takes_its_turn():
    """The everyday run meets every core combination in every style."""
    met = {_class(p.values[1]) for p in pairs(turns=(0,)) if not p.marks}

    assert {*core_specs()} == met


def test_every_case_is_met():
    """No case is without a class to which it applies."""
    assert {case.name for case in CASES} == {
        p.values[0].name for p in pairs(turns=(0,))
    }
    assert len(CASES) == len({case.name for case in CASES})
    assert {case.name for case in CASES} >= {*RARE}
