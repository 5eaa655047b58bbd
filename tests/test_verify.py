"""`kscaffold verify` finds mistakes, and names their causes.

A check catches each mistake of `mutants.py` and of `common_mistakes.py`, with the right
cause. `test_verify_command.py` has the tests of the command and its child processes.
"""

import re
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
from matrix import text
from mutants import MUTANTS

from scaffold import Spec
from scaffold.errors import SpecError
from scaffold.verify import causes, checks, report
from scaffold.verify.class_in_file import find_class
from scaffold.verify.class_under_test import execute, generated_class
from scaffold.verify.contract.invariant_list import INVARIANTS
from scaffold.verify.parity.batches import Batch
from scaffold.verify.parity.case import Case
from scaffold.verify.parity.case_list import CASES
from scaffold.verify.parity.mistakes import MISTAKES as MISTAKES_OF_STEPS

CHECKS = {check.name: check for check in checks.CHECKS}
ROOT = Path(__file__).parent.parent
VERIFY = ROOT / "scaffold" / "verify"
MISTAKES = str(ROOT / "tests" / "common_mistakes.py")

pytestmark = pytest.mark.usefixtures("plain_compiler")


def mutated(mutant, check):
    """Returns a mutant as the class under test, with the targets of a check."""
    sparse = getattr(check, "needs", "") == "sparse"
    task = "multiclass" if sparse else "regression"
    code = compile(mutant.source(task=task), mutant.name, "exec")
    tested = generated_class(Spec(task=task, **mutant.options))
    return replace(tested, load=lambda: execute(code, "CustomModel"))


def named(mutant) -> str:
    """Returns the test id of a mutant, with the name of its check first."""
    return f"{CHECKS[mutant.caught_by].group}: {mutant.caught_by} - {mutant.name}"


def in_turn() -> list:
    """Lists the mutants: one for each check every day, all of them in CI."""
    met, found = set(), []
    for mutant in MUTANTS:
        marks = [pytest.mark.exhaustive] if mutant.caught_by in met else []
        found.append(pytest.param(mutant, id=named(mutant), marks=marks))
        met.add(mutant.caught_by)
    return found


@pytest.mark.parametrize("mutant", in_turn())
def test_mutant(mutant):
    """A check catches the mistake, and names its cause and a fix."""
    check = CHECKS[mutant.caught_by]

    verdict = checks.run(check, mutated(mutant, check))

    assert verdict.failed
    assert mutant.cause in verdict.cause, verdict
    assert verdict.fix and verdict.detail and verdict.code in causes.codes()


@pytest.mark.exhaustive
def test_quick_catches_most():
    """`--quick` finds at least three quarters of the mistakes."""
    quick = checks.select(quick=True)
    # `test_mutant()` shows that the quick checks catch the other mutants.
    others = [m for m in MUTANTS if not CHECKS[m.caught_by].quick]
    missed = [
        mutant.name
        for mutant in others
        if not any(checks.run(c, mutated(mutant, c)).failed for c in quick)
    ]

    assert len(missed) <= len(MUTANTS) / 4, missed
    assert len([c for c in quick if not getattr(c, "built", False)]) <= 15


@pytest.mark.parametrize(
    ("name", "check", "cause"),
    [
        ("LossOutsideScope", "weight regularizers", "read outside a scope"),
        ("LossOutsideScope", "activity regularizer", "out of the loss"),
        ("DropsRegularizers", "weight regularizers", "out of the loss"),
        ("UnpacksPairs", "sample_weight", "unpacked as a pair"),
        ("AveragesOverBatches", "plain", "the mean of the losses"),
        (
            "ForgetsLossScaling",
            "mixed_float16 with SGD",
            "does not multiply the loss",
        ),
        ("AlwaysPassesTraining", "call without training", "does not take it"),
        ("ChangesHelperSignature", "EarlyStopping", "another signature"),
        ("EvaluationLosesLoss", "plain", "lack the loss"),
        ("EvaluationLosesLoss", "sample_weight", "unpacked as a pair"),
        ("EvaluationLosesLoss", "weight regularizers", "read outside a scope"),
        ("EveryMistake", "weight regularizers", "read outside a scope"),
        ("EveryMistake", "activity regularizer", "out of the loss"),
        ("EveryMistake", "sample_weight", "unpacked as a pair"),
        ("EveryMistake", "plain", "the mean of the losses"),
        ("EveryMistake", "mixed_float16 with SGD", "does not multiply the loss"),
        ("EveryMistake", "validation_data", "read outside a scope"),
        ("EveryMistake", "EarlyStopping", "another signature"),
        ("EveryMistakeWithOwnLoss", "weight regularizers", "out of the loss"),
        ("EveryMistakeWithOwnLoss", "sample_weight", "unpacked as a pair"),
        ("EveryMistakeWithOwnLoss", "plain", "the mean of the losses"),
        (
            "EveryMistakeWithOwnLoss",
            "mixed_float16 with SGD",
            "does not multiply the loss",
        ),
        ("EveryMistakeWithOwnLoss", "EarlyStopping", "another signature"),
    ],
)
def test_common_mistake(name, check, cause):
    """A class with a common mistake fails, and the report names the cause."""
    verdict = checks.run(CHECKS[check], find_class(MISTAKES, name))

    assert verdict.failed
    assert cause in verdict.cause, verdict


def test_keras_fails_too():
    """A case does not apply if Keras's own trainer fails."""
    case = Case("impossible", "data", data=lambda: Batch([[1.0]], [[2.0], [3.0]]))
    verdict = checks.run(case, generated_class(Spec()))

    assert "not applicable" == verdict.outcome
    assert verdict.detail.startswith("Keras's own trainer fails: ValueError: ")


# Finding the class, its loss and its metrics.


def write(folder, source, name="model.py"):
    """Writes a file that defines models."""
    path = folder / name
    path.write_text(f"import keras\n\n{source}", encoding="utf-8")
    return str(path)


OWN_LOSS = """
class Model(keras.Model):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.loss_fn = keras.losses.Huber(delta=0.5)

    def compute_loss(
        self, x=None, y=None, y_pred=None, sample_weight=None, training=True
    ):
        loss = self.loss_fn(y, y_pred, sample_weight=sample_weight)
        return keras.ops.sum([loss, *self.losses])
"""


@pytest.mark.exhaustive
def test_own_loss(tmp_path):
    """The loss object of a class is found, with its arguments."""
    tested = find_class(write(tmp_path, OWN_LOSS))

    assert (True, False) == (tested.owns_loss, tested.owns_metrics)
    assert "Huber" in tested.objective.loss.object
    assert "exact" == checks.run(CHECKS["weight regularizers"], tested).outcome
    assert "exact" == checks.run(CHECKS["sample_weight"], tested).outcome


def test_named_loss_wins(tmp_path):
    """The reference has the loss of `--loss`, not the class's own."""
    tested = find_class(write(tmp_path, OWN_LOSS), loss="mse")

    assert "differs" == checks.run(CHECKS["plain"], tested).outcome


FORMULA = """
class Model(keras.Model):
    def compute_loss(
        self, x=None, y=None, y_pred=None, sample_weight=None, training=True
    ):
        return keras.ops.mean((y - y_pred) ** 2)
"""


def test_unknown_loss(tmp_path):
    """A class with an unknown loss is compared with itself under Keras's own steps."""
    path = write(tmp_path, FORMULA)

    unnamed = checks.run(CHECKS["plain"], find_class(path))
    assert "exact" == unnamed.outcome
    assert "Model with Keras's own steps" == unnamed.compared_with
    named = checks.run(CHECKS["plain"], find_class(path, loss="mse"))
    assert "exact" == named.outcome
    assert "keras.Model" == named.compared_with
    # Invariants need no reference.
    kept = CHECKS["the state keeps its structure"]
    assert "holds" == checks.run(kept, find_class(path)).outcome


OWN_METRICS = """
class Model(keras.Sequential):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.largest = keras.metrics.TopKCategoricalAccuracy(k=2, name="top")

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        self.largest.update_state(y, y_pred, sample_weight=sample_weight)
        return super().compute_metrics(x, y, y_pred, sample_weight)
"""


def test_own_metrics(tmp_path):
    """The metric objects of a class are found, with their arguments."""
    path = write(tmp_path, OWN_METRICS)
    tested = find_class(path, loss="categorical_crossentropy")

    assert "sequential" == tested.style
    assert tested.owns_metrics
    assert ["top"] == [metric.alias for metric in tested.objective.metrics]


@pytest.mark.exhaustive
def test_generated_file(tmp_path):
    """The first line of a generated file describes the class."""
    from scaffold import render, write

    spec = Spec(
        style="subclass",
        task="multiclass",
        loss="categorical_crossentropy",
        manual_loss=True,
        manual_metrics=True,
        class_name="Mine",
    )
    path = tmp_path / "mine.py"
    write(render(spec, str(path)))
    tested = find_class(str(path))

    assert replace(generated_class(spec), load=tested.load) == tested
    assert "Mine" == tested.load().__name__
    for name in ("plain", "activity regularizer", "a loaded model continues training"):
        assert not checks.run(CHECKS[name], tested).failed


def test_file_in_a_package(tmp_path):
    """A file in a package can import its siblings."""
    (tmp_path / "package_of_mine").mkdir()
    (tmp_path / "package_of_mine" / "__init__.py").touch()
    (tmp_path / "package_of_mine" / "base.py").write_text("import keras as k\n")
    source = "from .base import k\n\n\nclass Model(k.Model):\n    pass\n"
    path = write(tmp_path / "package_of_mine", source)

    assert "Model" == find_class(path).load().__name__


def test_file_is_imported_once(tmp_path):
    """The checks share one import of the file."""
    counter = tmp_path / "count"
    counter.touch()
    source = f"open({str(counter)!r}, 'a').write('.')\n\n\nclass Model(keras.Model):\n"
    body = "    def __init__(self):\n        super().__init__()\n"
    path = write(tmp_path, source + body)
    tested = find_class(path)
    for name in ("plain", "dropout"):
        assert "exact" == checks.run(CHECKS[name], tested).outcome

    assert "." == counter.read_text()


@pytest.mark.parametrize(
    ("source", "arguments", "message"),
    [
        ("x = 1\n", {}, "defines no subclass of keras.Model"),
        (
            "class A(keras.Model):\n    pass\n\n\nclass B(A):\n    pass\n",
            {},
            "defines 2 models: A, B",
        ),
        (
            "class A(keras.Model):\n    pass\n",
            {"class_name": "B"},
            "no subclass of keras.Model named 'B'. It defines A.",
        ),
        (
            "class A(keras.Sequential):\n    def __init__(self):\n        pass\n",
            {},
            "A.__init__() requires arguments",
        ),
        (
            "class A(keras.Model):\n    def __init__(self, *, units):\n        pass\n",
            {},
            "A.__init__() requires arguments",
        ),
        (
            "class A(keras.Model):\n    def __init__(self, generator):\n        pass\n",
            {},
            "A.__init__() requires arguments",
        ),
        ("class A(keras.Model):\n    pass\n", {"loss": "mze"}, "no loss 'mze'"),
        ("class A(keras.Model):\n    pass\n", {"build": "make"}, "names no function"),
    ],
)
def test_refused(tmp_path, source, arguments, message):
    """A class that cannot be tested is an error with a hint."""
    with pytest.raises(SpecError) as caught:
        find_class(write(tmp_path, source), **arguments)

    assert message in str(caught.value)


# Models of `--build`.


TWO_OPTIMIZERS = """
import jax
import numpy as np


class Model(keras.Model):
    def __init__(self, tracked):
        super().__init__()
        self.dense = keras.layers.Dense(1)
        self.dense.build((None, 3))
        self._second = keras.optimizers.Adam(0.01)
        self._second.build(self.trainable_variables)
        if tracked:
            # Tracked by the model, they are part of the state.
            self.second_variables = list(self._second.variables)

    def get_config(self):
        return {"tracked": hasattr(self, "second_variables")}

    def call(self, x):
        return self.dense(x)

    def train_step(self, state, data):
        trainable, non_trainable, optimizer, metrics = state
        x, y, _ = keras.utils.unpack_x_y_sample_weight(data)

        def loss_fn(trainable):
            y_pred, _ = self.stateless_call(trainable, non_trainable, x)
            return keras.ops.mean(keras.ops.square(y_pred - y))

        loss, grads = jax.value_and_grad(loss_fn)(trainable)
        trainable, optimizer = self.optimizer.stateless_apply(
            optimizer, grads, trainable
        )
        tracked = hasattr(self, "second_variables")
        second = non_trainable if tracked else [v.value for v in self._second.variables]
        trainable, second = self._second.stateless_apply(second, grads, trainable)
        with keras.StatelessScope(zip(self.metrics_variables, metrics)) as scope:
            self.metrics[0].update_state(loss, sample_weight=len(x))
            logs = self.get_metrics_result()
        metrics = [scope.get_current_value(v) for v in self.metrics_variables]
        non_trainable = second if tracked else non_trainable
        return logs, (trainable, non_trainable, optimizer, metrics)


def make(tracked=True):
    model = Model(tracked)
    model.compile("sgd", loss="mse")
    x = np.random.default_rng(0).normal(size=(48, 3)).astype("float32")
    return model, (x, x[:, :1] + 1)


def make_untracked():
    return make(False)


def make_a_list():
    return [1]


def make_alone():
    return make()[0]


def make_another():
    return keras.Sequential()


def make_uncompiled():
    return Model(True)


ONE = make()


def make_the_same():
    return ONE


def make_an_error():
    return 1 / 0


def make_ten_rows():
    model, (x, y) = make()
    return model, (x[:10], y[:10])


def make_hundred_rows():
    model, (x, y) = make()
    return model, (np.tile(x, (3, 1))[:100], np.tile(y, (3, 1))[:100])
"""


@pytest.mark.exhaustive
def test_build(tmp_path):
    """`--build` makes the model, and a second optimizer must be in the state."""
    path = write(tmp_path, TWO_OPTIMIZERS)
    right = find_class(path, build=f"{path}:make")
    wrong = find_class(path, build=f"{path}:make_untracked")

    def outcomes(tested):
        invariants = [c for c in checks.CHECKS if c.group == "contract"]
        return {c.name: checks.run(c, tested).outcome for c in invariants}

    kept = outcomes(right)
    # It ignores sample weights.
    assert "differs" == kept.pop("sample weights change the loss")
    # It has no regularizers and no losses of layers.
    assert "not applicable" == kept.pop("regularizers and added losses reach the loss")
    assert {"holds"} == set(kept.values())
    outside = CHECKS["no variable is read outside the state"]
    assert "differs" == checks.run(outside, wrong).outcome
    assert "not applicable" == checks.run(CHECKS["plain"], right).outcome


@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("make_a_list", "returns a list, not a keras.Model"),
        ("make_alone", "whose input shape is unknown"),
        ("make_another", "returns a Sequential, not a Model"),
        ("make_uncompiled", "is not compiled"),
        ("make_the_same", "returns the same model twice"),
        ("make_an_error", "fails: ZeroDivisionError: division by zero (at "),
        ("make_nothing", "has no function 'make_nothing'"),
    ],
)
def test_build_is_checked(tmp_path, function, message):
    """A mistake in the function of `--build` is an error."""
    path = write(tmp_path, TWO_OPTIMIZERS)

    with pytest.raises(SpecError, match=re.escape(message)):
        find_class(path, "Model", build=f"{path}:{function}")
    with pytest.raises(SpecError, match="model.pyx.py does not exist"):
        find_class(path, "Model", build=f"{path}x.py:make")


NEEDS_ARGUMENTS = """
class Model(keras.Model):
    def __init__(self, units):
        super().__init__()


def build_layers():
    return []


"""


@pytest.mark.parametrize(
    ("functions", "hint"),
    [
        ("def build_model():\n    pass\n", "model.py:build_model."),
        ("", "model.py:build_layers."),
        ("def build_it():\n    pass\n", "(model, (x, y)): --build FILE:FUNCTION."),
    ],
)
def test_hint_names_what_the_file_defines(tmp_path, functions, hint):
    """The hint for `--build` names a function of the file, if only one is likely."""
    path = write(tmp_path, NEEDS_ARGUMENTS + functions)

    with pytest.raises(SpecError) as caught:
        find_class(path)

    assert caught.value.hint.endswith(hint)


def test_build_with_any_number_of_rows(tmp_path):
    """The data of `--build` are repeated or cut to full batches."""
    path = write(tmp_path, TWO_OPTIMIZERS)
    for function in ("make_ten_rows", "make_hundred_rows"):
        tested = find_class(path, "Model", build=f"{path}:{function}")
        for name in ("each step compiles once", "the state works as a scan carry"):
            assert "holds" == checks.run(CHECKS[name], tested).outcome


AUGMENTS = """
import numpy as np


class Model(keras.Model):
    def __init__(self, compiles):
        super().__init__()
        layer = keras.layers.RandomTranslation(0.1, 0.1, name="shift")
        layer.supports_jit = compiles
        self.net = keras.Sequential([layer, keras.layers.Flatten()], name="net")
        self.dense = keras.layers.Dense(1)

    def get_config(self):
        return {}

    def call(self, x, training=None):
        return self.dense(self.net(x, training=training))


def make(compiles=False, **settings):
    model = Model(compiles)
    model.compile("sgd", loss="mse", **settings)
    x = np.zeros((48, 4, 4, 1), "float32")
    return model, (x, x[:, 0, 0])


def make_compiled():
    return make(True)


def make_eager():
    return make(True, jit_compile=False)
"""


@pytest.mark.parametrize(
    ("function", "compiled", "once"),
    [
        ("make", "differs", "not applicable"),
        ("make_compiled", "holds", "holds"),
        ("make_eager", "holds", "not applicable"),
    ],
)
def test_a_layer_that_stops_compilation_is_named(tmp_path, function, compiled, once):
    """Keras trains uncompiled without a warning. The report names the layer."""
    path = write(tmp_path, AUGMENTS)
    tested = find_class(path, "Model", build=f"{path}:{function}")

    verdict = checks.run(CHECKS["the steps are compiled"], tested)

    assert compiled == verdict.outcome
    assert compiled == "holds" or "shift has supports_jit = False" in verdict.detail
    assert once == checks.run(CHECKS["each step compiles once"], tested).outcome


# Correct classes: no false alarm.


CLASSIFIER = """
class Model(keras.Model):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.loss_fn = keras.losses.SparseCategoricalCrossentropy(from_logits=True)

    def compute_loss(
        self, x=None, y=None, y_pred=None, sample_weight=None, training=True
    ):
        loss = self.loss_fn(y, y_pred, sample_weight=sample_weight)
        return keras.ops.sum([loss, *self.losses])
"""

FROM_A_GRAPH = """
class Model(keras.Model):
    def __init__(self, inputs, outputs, **kwargs):
        super().__init__(inputs, outputs, **kwargs)
"""

WEIGHTED_MEAN = """
class Model(keras.Model):
    def compute_loss(
        self, x=None, y=None, y_pred=None, sample_weight=None, training=True
    ):
        error = keras.ops.mean(keras.ops.square(y - y_pred), axis=-1)
        weight = keras.ops.ones_like(error) if sample_weight is None else sample_weight
        return keras.ops.sum(weight * error) / keras.ops.sum(weight)
"""

TRACKS_IN_EVALUATION = """
class Model(keras.Model):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.distance = keras.metrics.Mean(name="distance")

    def test_step(self, state, data):
        logs, (trainable, non_trainable, metrics) = super().test_step(state, data)
        mapping = zip(self.metrics_variables, metrics)
        with keras.StatelessScope(mapping) as scope:
            self.distance.update_state(1.0)
        metrics = [scope.get_current_value(v) for v in self.metrics_variables]
        return logs, (trainable, non_trainable, metrics)
"""

BESIDE_A_GENERATED_ONE = text(Spec(manual_metrics=True, demo=False)).replace(
    "import keras\n", "import keras\n\n", 1
) + ("\n\nclass Model(keras.Model):\n    pass\n")


@pytest.mark.parametrize(
    ("source", "check", "outcome"),
    [
        (CLASSIFIER, "weight regularizers", "exact"),
        (CLASSIFIER, "class labels", "exact"),
        (CLASSIFIER, "all state is updated", "holds"),
        (FROM_A_GRAPH, "plain", "exact"),
        (FROM_A_GRAPH, "overridden compute_metrics", "not applicable"),
        (WEIGHTED_MEAN, "sample weights change the loss", "holds"),
        (TRACKS_IN_EVALUATION, "all state is updated", "holds"),
        (TRACKS_IN_EVALUATION, "plain", "exact"),
        (BESIDE_A_GENERATED_ONE, "plain", "exact"),
    ],
)
def test_correct_by_hand(tmp_path, source, check, outcome):
    """A correct class passes every check that applies."""
    path = tmp_path / "model.py"
    head = "" if source.startswith("#") else "import keras\n"
    path.write_text(f"{source}" if not head else head + source, encoding="utf-8")

    verdict = checks.run(CHECKS[check], find_class(str(path), "Model"))

    assert outcome == verdict.outcome, verdict


WRONG_EVALUATION = """
class Model(keras.Model):
    def compute_loss(
        self, x=None, y=None, y_pred=None, sample_weight=None, training=True
    ):
        return keras.ops.mean((y - y_pred) ** 4)

    def test_step(self, state, data):
        logs, new = super().test_step(state, data)
        return logs, {state}
"""


@pytest.mark.parametrize(
    ("state", "problem"),
    [
        ("state", "no metric is updated in evaluation"),
        ("(new[0], [v + 1 for v in new[1]], new[2])", "changes in evaluation"),
    ],
)
def test_wrong_evaluation_without_a_reference(tmp_path, state, problem):
    """Invariants find mistakes in evaluation without a reference."""
    path = write(tmp_path, WRONG_EVALUATION.format(state=state))

    verdict = checks.run(CHECKS["all state is updated"], find_class(path))

    assert problem in verdict.detail, verdict


# The report.


def verdict(name, outcome="exact", **more):
    """Returns a verdict in the form of the child processes."""
    texts = dict.fromkeys(("detail", "cause", "fix", "code", "compared_with"), "")
    lists = {"explained_by": [], "ruled_out": []}
    return {"group": "losses", "name": name, "outcome": outcome, **texts, **lists} | (
        more
    )


def test_report_groups_failures_by_cause():
    """Failures of one cause make one paragraph, and what was ruled out is shown."""
    one, odd = [["one-code"]], [["odd-code"], ["one-code"]]
    unknown = {"code": "unexplained", "cause": "Other.", "fix": "Do that."}
    compared = {"compared_with": "keras.Model"}
    shown = report.as_text(
        [
            verdict("plain"),
            verdict("two", "raises", cause="Odd.", fix="?", explained_by=odd),
            verdict(
                "one",
                "differs",
                detail="a: 1",
                cause="Because.",
                fix="Fix it.",
                code="one-code",
                explained_by=one,
                **compared,
            ),
            verdict("three", "differs", **unknown, ruled_out=["no-a", "no-b"]),
            verdict("four", "not applicable", detail="it has no x"),
            verdict("five", "not applicable", detail="it has no x", group="data"),
            verdict("six", "not applicable", detail="it has no x", group="data"),
        ]
    )

    assert "losses: one differs\n  a: 1\n  Also:  two\n  Cause: Because.\n" in shown
    assert "  it has no x:\n    four, all 2 of data\n" in shown
    assert shown.endswith("\n1 exact, 2 differs, 1 raises, 3 not applicable.\n")
    assert "Odd." not in shown and "Other.\n  Ruled out: no-a, no-b\n" in shown
    assert "compared with\n  keras.Model (1 case)\n" in shown
    assert "If you changed the mathematics on purpose," in shown


def test_close_is_not_exact():
    """A rounding difference is shown, but is not a failure."""
    shown = verdict("plain", "close", detail="weights/0: differs by up to 1e-08")

    assert "close  weights/0: differs by up to 1e-08" in report.as_text([shown])
    assert not report.failed(shown)


def test_causes_are_complete():
    """Every invariant, group and finding has a text, and no text is unused."""
    texts = tomllib.loads((VERIFY / "causes.toml").read_text(encoding="utf-8"))
    sources = [path.read_text(encoding="utf-8") for path in VERIFY.rglob("*.py")]
    proven = {mistake.code for mistake in MISTAKES_OF_STEPS}

    assert [*texts["invariant"]] == [check.name for check in INVARIANTS]
    assert proven == {*texts["mistake"]}
    for name in texts["finding"]:
        assert any(f'"{name}"' in source for source in sources), name
    named = {entry["case"] for entry in texts["error"] if "case" in entry}
    assert named <= {check.name for check in checks.CHECKS}


def test_codes():
    """A code stands for one cause, and a cause has one code."""
    texts = tomllib.loads((VERIFY / "causes.toml").read_text(encoding="utf-8"))
    named = [kind for name, kind in texts.items() if name != "error"]
    entries = [*texts["error"], *(e for kind in named for e in kind.values())]
    pairs = {(entry["code"], entry["cause"]) for entry in entries}

    assert len(pairs) == len({code for code, _ in pairs})
    assert len(pairs) == len({cause for _, cause in pairs})
    for code, cause in pairs:
        assert re.fullmatch("[a-z]+(-[a-z0-9]+)*", code), code
        assert causes.codes()[code] == cause
    # Every failure has a code, here one of each kind.
    assert "error-in-step" == causes.of_error("plain", "ValueError: Odd").code
    assert "state-structure" == causes.of_error("plain", "pytree Mismatch").code
    assert "metrics-not-logged" == causes.finding("lacks_logs", "mae").code
    assert "inference-mode" == causes.of_mistakes([("inference-mode",)]).code
    assert {invariant.name for invariant in INVARIANTS} == {*texts["invariant"]}
    for invariant in INVARIANTS:
        assert causes.of_invariant(invariant.name).code in causes.codes()


def test_select():
    """A pattern is a part of a name, case-insensitive, with `*` for anything."""

    def names(*arguments):
        return [check.name for check in checks.select(*arguments)]

    assert len(names()) == len(checks.CHECKS) == len(set(names()))
    assert ["mixed_bfloat16"] == names("BFLOAT")
    assert {check.name for check in CASES if check.group == "state"} < {*names("state")}
    assert ["continued training after loading"] == names("saving:*load")
    assert 0 < len(names("", True)) < len(names())
    with pytest.raises(SpecError, match="No check matches 'nope'"):
        checks.select("nope")
    with pytest.raises(SpecError, match="--quick"):
        checks.select("bfloat16", True)
