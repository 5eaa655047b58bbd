"""Keras's own step is accused of nothing, whatever the model and the optimizer are."""

from functools import partial

import keras
import pytest
from zoo import MODELS, OPTIMIZERS, POLICIES, build

from scaffold import Spec
from scaffold.verify import checks
from scaffold.verify.build_option import checked
from scaffold.verify.class_under_test import ClassUnderTest
from scaffold.verify.parity.batches import BATCH

#: Two of the models that once accused Keras's step.
DAILY = ("batch normalization", "unbuilt")
APPLICABLE = [c for c in checks.CHECKS if c.group in ("own model", "contract")]
#: Checks that depend on the step alone, and not on the layers or on rounding.
OF_THE_STEP = (
    "your model with a scaled loss",
    "your model with full batches",
    "the state keeps its structure",
    "the logs are scalars",
    "no variable is read outside the state",
    "no tracer leaks from the step",
    "the steps are compiled",
    "each step compiles once",
    "the state works as a scan carry",
    "random numbers depend on the state",
    "metrics are reset each epoch",
    "evaluation changes no weights",
    "steps_per_execution changes nothing",
    "sample weights change the loss",
)


#: JAX does not compute it in float16 on a CPU.
FLOAT32 = ("grouped_attention",)


def zoo() -> list:
    """Lists each model with an optimizer and a dtype policy, which rotate."""
    found = []
    for number, name in enumerate(MODELS):
        optimizer = [*OPTIMIZERS][number % len(OPTIMIZERS)]
        # Each optimizer meets each policy.
        policy = POLICIES[(number + number // len(OPTIMIZERS)) % len(POLICIES)]
        policy = "float32" if name in FLOAT32 else policy
        marks = [] if name in DAILY else [pytest.mark.exhaustive]
        found.append(pytest.param(name, optimizer, policy, marks=marks))
    return found


@pytest.fixture(autouse=True)
def restored_policy():
    """Restores the dtype policy, which the models set."""
    yield
    keras.config.set_dtype_policy("float32")


@pytest.mark.parametrize(("name", "optimizer", "policy"), zoo())
def test_keras_step_is_right(name, optimizer, policy):
    """A class that only calls `super().train_step()` passes everything."""
    make = partial(build, name, optimizer, policy)
    builder = checked("zoo.py", make, lambda what, cls: None, BATCH)
    tested = ClassUnderTest(
        lambda: type(builder()[0]), "functional", Spec().objective, build=builder
    )
    left_out = () if name in DAILY else OF_THE_STEP
    selected = [check for check in APPLICABLE if check.name not in left_out]
    verdicts = {check.name: checks.run(check, tested) for check in selected}

    assert [] == [verdict for verdict in verdicts.values() if verdict.failed]
    assert verdicts["your model and data"].outcome in ("exact", "close")


def test_zoo_is_large():
    """The models are many, and each optimizer trains in each precision."""
    pairs = {(p.values[1], p.values[2]) for p in zoo()}
    assert len(MODELS) >= 40
    assert len(pairs) >= len(OPTIMIZERS) * len({*POLICIES}) - 1
