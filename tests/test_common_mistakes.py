"""What common mistakes in a training step do on current Keras.

Each row of the README's table is a test. A class of `common_mistakes.py` shows the
symptom, and the generated class equals `keras.Model` to the last bit.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from keras_numbers import differences

from scaffold import Spec
from scaffold.verify.class_under_test import generated_class
from scaffold.verify.file_import import import_alone
from scaffold.verify.parity.case import Case
from scaffold.verify.parity.case_list import CASES

MISTAKES = Path(__file__).with_name("common_mistakes.py")


@dataclass(frozen=True)
class Row:
    """A row of the README's table.

    Attributes:
        name: Selects the row with `pytest -k`.
        what: What the user does.
        symptom: What happens with the mistake, in words.
        shows: A part of the error or of the differences that the mistake causes.
        case: The name of the parity case.
        cls: The name of the class that makes the mistake.
        options: The options of the generated class.
        changes: Changes to the case.
    """

    name: str
    what: str
    symptom: str
    shows: str
    case: str
    cls: str
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
        "LossOutsideScope",
    ),
    Row(
        "activity",
        "`activity_regularizer=...`, `add_loss()`",
        "**silent**: missing from the loss and from the gradient",
        "history/loss/0: ",
        "activity regularizer",
        "LossOutsideScope",
    ),
    Row(
        "weight",
        "`fit(sample_weight=...)`",
        "`fit()` crashes: `too many values to unpack`",
        "too many values to unpack",
        "sample_weight",
        "UnpacksPairs",
        options=("sample_weight",),
    ),
    Row(
        "on_batch",
        "`train_on_batch(x, y)`",
        "crashes: `too many values to unpack`",
        "too many values to unpack",
        "train_on_batch",
        "UnpacksPairs",
    ),
    Row(
        "last_batch",
        "the last batch is smaller",
        "**silent**: the reported loss is the mean over batches, not over samples",
        "history/loss/0: ",
        "plain",
        "AveragesOverBatches",
    ),
    Row(
        "outputs",
        "several outputs",
        "`fit()` crashes: `'NoneType' object is not callable`",
        "'NoneType' object is not callable",
        "outputs in a dict",
        "LossOutsideScope",
    ),
    Row(
        "float16",
        "`mixed_float16`",
        "**silent**: hardly trains, since the gradients are divided by the loss scale",
        "dense/kernel: differs",
        "mixed_float16 with SGD",
        "ForgetsLossScaling",
    ),
    Row(
        "no_training",
        "`call(self, x)` without `training`",
        "`fit()` crashes: `unexpected keyword argument 'training'`",
        "unexpected keyword argument 'training'",
        "call without training",
        "AlwaysPassesTraining",
    ),
    Row(
        "validation",
        "`evaluate()` or `validation_data=` with only a custom `train_step()`",
        "crashes: `multiple values for argument 'training'`",
        "multiple values for argument 'training'",
        "EarlyStopping",
        "ChangesHelperSignature",
        changes=(),
    ),
    Row(
        "manual",
        "`evaluate()` with a custom loss and custom metrics",
        "crashes: `multiple values for argument 'training'`",
        "multiple values for argument 'training'",
        "plain",
        "EveryMistakeWithOwnLoss",
        options=("manual_loss", "manual_metrics"),
        changes=(),
    ),
    Row(
        "test_step",
        "`evaluate()` with a custom `test_step()`",
        "**silent**: no `loss` in the results, and no `val_loss`",
        "evaluate/loss: only Keras has it",
        "plain",
        "EvaluationLosesLoss",
        options=("test_step",),
        changes=(),
    ),
)


def outcome(row: Row, cls: str) -> str:
    """Runs a row's case with a class. Returns the error or the differences."""
    case, spec = row.resolved()

    def load() -> type:
        # Keras rewrites the bases of a class that is called as cls(inputs, outputs).
        return getattr(import_alone(str(MISTAKES)), cls)

    try:
        found = differences(case, replace(generated_class(spec), load=load))
    except Exception as error:
        return repr(error)
    return "\n".join(map(str, found))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_mistake(row):
    """The mistake shows its symptom, and the generated class equals Keras."""
    case, spec = row.resolved()

    assert row.shows in outcome(row, row.cls)
    assert [] == differences(case, generated_class(spec))


COMPILED = [row for row in ROWS if "manual_loss" not in row.options]


@pytest.mark.exhaustive
@pytest.mark.parametrize("row", COMPILED, ids=lambda row: row.name)
def test_step_without_the_mistake(row):
    """Without its mistake, the step equals Keras: the mistake alone is to blame."""
    assert "" == outcome(row, "CorrectStep")


def markdown_table() -> str:
    """Returns the README's table of common mistakes."""
    lines = [
        "| what you do | what happens | the class that shows it | its test |",
        "| --- | --- | --- | --- |",
        *(
            f"| {row.what} | {row.symptom} | `{row.cls}` "
            f"| `pytest -k 'test_mistake and {row.name}'` |"
            for row in ROWS
        ),
    ]
    return "\n".join(lines)
