"""Every generated class satisfies the invariants of `scaffold.verify.contract`.

`test_verify.py` shows that mutants violate them.
"""

import pytest
from matrix import core_specs, identify

from scaffold import Spec
from scaffold.verify.class_under_test import generated_class
from scaffold.verify.contract.invariant import check_invariant
from scaffold.verify.contract.invariant_list import INVARIANTS

pytestmark = pytest.mark.usefixtures("plain_compiler")

#: Invariants that are checked every day for all classes of one style.
ALWAYS = ("the state keeps its structure",)


def pairs() -> list:
    """Lists invariants with classes. A mark leaves most of them to CI."""
    specs = core_specs()
    found = []
    for number, invariant in enumerate(INVARIANTS):
        for index, spec in enumerate(specs):
            plain = spec.style == Spec().style
            always = invariant.name in ALWAYS and plain
            today = always or (index - 5 * number) % 16 == 0
            found.append(
                pytest.param(
                    invariant,
                    spec,
                    id=f"{invariant.name} - {identify(spec)}",
                    marks=[] if today else [pytest.mark.exhaustive],
                )
            )
    # The steps are the same in every style: CI checks all classes of one.
    return [
        param
        for param in found
        if not param.marks or param.values[1].style == Spec().style
    ]


@pytest.mark.parametrize(("invariant", "spec"), pairs())
def test_invariant(invariant, spec):
    """A generated class satisfies every invariant that applies."""
    verdict = check_invariant(invariant, generated_class(spec))

    wanted = (
        "not applicable" if invariant.weighted and not spec.sample_weight else "holds"
    )
    assert wanted == verdict.outcome, verdict
