"""What the published guide's code does on current Keras, and what the emitted does.

Each row of the README's table is a case here: the guide's class shows the symptom, and
the generated class equals `keras.Model`'s own trainer to the last bit.
"""

from dataclasses import dataclass, replace
from importlib import reload

import guide
import pytest

from scaffold import Spec
from scaffold.verify.class_under_test import generated_class
from scaffold.verify.parity.case import Case
from scaffold.verify.parity.case_list import CASES
from scaffold.verify.parity.check import differences


@dataclass(frozen=True)
class Row:
    """A row of the README's table.

    Attributes:
        name: Selects the row with `pytest -k`.
        what: What the user does.
        symptom: What happens with the guide's code, in words.
        shows: What an error or a difference of the guide's code must contain.
        case: The parity case.
        cls: The guide's class, made anew, for Keras rewrites its bases.
        options: The options of the generated class.
        changes: Changes to the case.
    """

    name: str
    what: str
    symptom: str
    shows: str
    case: str
    cls: str = "TrainStep"
    options: tuple[str, ...] = ()
    changes: tuple = (("evaluate", False),)

    def resolved(self) -> tuple[Case, Spec]:
        """Returns the case and the spec."""
        [case] = [case for case in CASES if case.name == self.case]
        case = replace(case, **dict(self.changes))
        return case, Spec(**dict.fromkeys(self.options, True))


ROWS = (
    Row(
        "regularizer",
        "`kernel_regularizer=...`",
        "`fit()` crashes: `'NoneType' object is not callable`",
        "'NoneType' object is not callable",
        "weight regularizers",
    ),
    Row(
        "activity",
        "`activity_regularizer=...`, `add_loss()`",
        "**silent**: not in the loss, no gradient",
        "history/loss/0: ",
        "activity regularizer",
    ),
    Row(
        "weight",
        "`fit(sample_weight=...)`",
        "`fit()` crashes: `too many values to unpack`",
        "too many values to unpack",
        "sample_weight",
        options=("sample_weight",),
    ),
    Row(
        "on_batch",
        "`train_on_batch(x, y)`",
        "crashes: `too many values to unpack`",
        "too many values to unpack",
        "train_on_batch",
    ),
    Row(
        "last_batch",
        "the last batch is smaller",
        "**silent**: the reported loss is the mean over batches, not samples",
        "history/loss/0: ",
        "plain",
    ),
    Row(
        "outputs",
        "several outputs",
        "`fit()` crashes: `'NoneType' object is not callable`",
        "'NoneType' object is not callable",
        "outputs in a dict",
    ),
    Row(
        "float16",
        "`mixed_float16`",
        "**silent**: hardly trains, for the gradients are divided by a loss scale",
        "weights/0: differs",
        "mixed_float16 with SGD",
    ),
    Row(
        "no_training",
        "`call(self, x)` without `training`",
        "`fit()` crashes: `unexpected keyword argument 'training'`",
        "unexpected keyword argument 'training'",
        "call without training",
    ),
    Row(
        "validation",
        "`evaluate()` or `validation_data=` beside its `train_step()`",
        "crashes: `multiple values for argument 'training'`",
        "multiple values for argument 'training'",
        "EarlyStopping",
        changes=(),
    ),
    Row(
        "manual",
        "`evaluate()` with its manual variant",
        "crashes, and the model's variables are gone",
        "multiple values for argument 'training'",
        "plain",
        cls="ManualStep",
        options=("manual_loss", "manual_metrics"),
        changes=(),
    ),
    Row(
        "test_step",
        "`evaluate()` with its `test_step()`",
        "**silent**: no `loss` in the results, so no `val_loss` either",
        "evaluate/loss: only Keras has it",
        "plain",
        cls="TestStep",
        options=("test_step",),
        changes=(),
    ),
)


def guide_outcome(row: Row) -> str:
    """Runs a row with the guide's class; returns the error or the differences."""
    case, spec = row.resolved()
    tested = generated_class(spec)
    theirs = replace(tested, load=lambda: getattr(reload(guide), row.cls))
    try:
        return "\n".join(map(str, differences(case, theirs)))
    except Exception as error:
        return repr(error)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_guide(row):
    """The guide's code shows the symptom; the generated class does what Keras does."""
    case, spec = row.resolved()

    assert row.shows in guide_outcome(row)
    assert [] == differences(case, generated_class(spec))


def markdown_table() -> str:
    """Returns the README's table of what the guide's code gets wrong."""
    lines = [
        "| what you do | the guide's code | see it |",
        "| --- | --- | --- |",
        *(
            f"| {row.what} | {row.symptom} | `pytest -k 'guide and {row.name}'` |"
            for row in ROWS
        ),
    ]
    return "\n".join(lines)
