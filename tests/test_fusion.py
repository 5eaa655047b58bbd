"""`--fuse-steps`: the same training as without it, in fewer calls.

Every feature of `scaffold/verify/cases.py` is compared with `keras.Model` again, with
fused steps; and so is what only fused steps can get wrong: which rows a step gets, what
callbacks see, what runs in a loop and what must not.
"""

import io
import re
from contextlib import redirect_stdout
from dataclasses import replace
from itertools import pairwise

import jax
import keras
import numpy as np
import pytest
from matrix import core_specs, text
from test_parity import applies, pairs

from scaffold import Spec
from scaffold.verify.cases import CASES
from scaffold.verify.data import Rows
from scaffold.verify.difference import compare
from scaffold.verify.harness import differences, reference
from scaffold.verify.subject import execute, subject_of_spec

FUSED = Spec(fuse_steps=True, sample_weight=True)
DAILY = "plain, dropout, masks, validation_data, DataParallel, PyDataset, shuffling"


def with_fusion(case, steps):
    """Returns a case that runs some steps at once."""
    compiled = case.compile
    return replace(
        case, compile=lambda: {"steps_per_execution": steps, **compiled()}
    )


def features() -> list:
    """Lists the parity cases with classes that fuse steps; four batches make an epoch.

    Two steps at once divide them, three do not, and four take the smaller last with
    them.
    """
    found = []
    for number, param in enumerate(pairs(turns=(0,))):
        case, spec = param.values
        daily = case.name in DAILY.split(", ") and not param.marks
        marks = [] if daily else [pytest.mark.exhaustive]
        values = (with_fusion(case, 2 + number % 3), replace(spec, fuse_steps=True))
        found.append(pytest.param(*values, id=param.id, marks=marks))
    return found


@pytest.mark.parametrize(("case", "spec"), features())
def test_feature(case, spec):
    """A feature of Keras works with fused steps as with Keras's own, to 1e-6."""
    subject = subject_of_spec(spec)

    found = differences(case, subject)

    assert [] == [d for d in found if not d.close]
    assert reference(case, subject)["moved"]
