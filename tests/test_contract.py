"""The contract of every class that is emitted, and mutants that break it."""

import pytest
from matrix import core_specs, identify

from scaffold import Spec
from scaffold.verify.class_under_test import generated_class
from scaffold.verify.contract.invariant import check_invariant
from scaffold.verify.contract.invariant_list import INVARIANTS

pytestmark = pytest.mark.usefixtures("plain_compiler")

#: For which every class of one style is checked every day; for others, in turn.
ALWAYS = ("the state keeps its form",)


def pairs() -> list:
    """Lists contracts with classes; a class that is not of this day is marked."""
    specs = core_specs()
    found = []
    for number, contract in enumerate(INVARIANTS):
        for index, spec in enumerate(specs):
            plain = spec.style == Spec().style
            always = contract.name in ALWAYS and plain
            today = always or (index - 5 * number) % 16 == 0
            found.append(
                pytest.param(
                    contract,
                    spec,
                    id=f"{contract.name} - {identify(spec)}",
                    marks=[] if today else [pytest.mark.exhaustive],
                )
            )
    # The steps are the same text in every style: CI takes all of one.
    return [
        param
        for param in found
        if not param.marks or param.values[1].style == Spec().style
    ]


@pytest.mark.parametrize(("contract", "spec"), pairs())
def test_contract(contract, spec):
    """A generated class keeps every promise."""
    verdict = check_invariant(contract, generated_class(spec))

    wanted = (
        "not applicable" if contract.weighted and not spec.sample_weight else "holds"
    )
    assert wanted == verdict.outcome, verdict
