"""The reference can be the class itself, and one mistake is one proven cause."""

import random
from dataclasses import replace

import jax  # noqa: F401 - imported before the files under test
import pytest
from matrix import text
from mutants import MUTANTS
from test_verify import CHECKS
from test_verify_strangers import PAIR, RIGHT, START

from scaffold import Spec
from scaffold.verify import checks
from scaffold.verify.class_in_file import find_class
from scaffold.verify.class_under_test import execute, generated_class
from scaffold.verify.reports import reports

pytestmark = pytest.mark.usefixtures("plain_compiler")

#: A focal loss of one's own, in the place that generated files name.
OWN_LOSS = """
import keras


class Model(keras.Model):
    def compute_loss(
        self, x=None, y=None, y_pred=None, sample_weight=None, training=True
    ):
        error = keras.ops.mean(keras.ops.square(y - y_pred), axis=-1)
        if sample_weight is not None:
            error = error * {weight}
        focal = keras.ops.mean(error * keras.ops.tanh(error))
        return keras.ops.sum([focal, *{losses}])

    def train_step(self, state, data):
        return super().train_step(state, data)
"""
RIGHT_LOSS = {"weight": "sample_weight", "losses": "self.losses"}


def own_loss(folder, **changes):
    """Returns a class with a loss of its own as the class under test."""
    path = folder / "model.py"
    path.write_text(OWN_LOSS.format(**{**RIGHT_LOSS, **changes}), encoding="utf-8")
    return find_class(str(path))


@pytest.mark.parametrize("check", ["plain", "all kinds of losses", "sample_weight"])
def test_own_loss_is_right(check, tmp_path):
    """A loss of one's own is compared with itself under Keras's own steps."""
    verdict = checks.run(CHECKS[check], own_loss(tmp_path))

    assert "exact" == verdict.outcome, verdict
    assert "Model with Keras's own steps" == verdict.compared_with


@pytest.mark.parametrize(
    ("change", "check", "code"),
    [
        ({"losses": "[]"}, "weight regularizers", "losses-left-out"),
        ({"losses": "[]"}, "activity regularizer", "losses-left-out"),
        (
            {"losses": "[]"},
            "regularizers and added losses reach the loss",
            "losses-left-out",
        ),
        ({"weight": "1"}, "sample_weight", "sample-weights-dropped"),
        ({"weight": "1"}, "sample weights change the loss", "sample-weights-dropped"),
    ],
)
def test_own_loss_is_wrong(change, check, code, tmp_path):
    """What both sides of the comparison lack is found, too."""
    verdict = checks.run(CHECKS[check], own_loss(tmp_path, **change))

    assert "differs" == verdict.outcome, verdict
    assert (code,) in verdict.explained_by


NEGATED = """
class Model(keras.Model):
    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, **mode):
        return keras.ops.mean(keras.ops.abs(y - y_pred)) + keras.ops.sum(self.losses)

    def train_step(self, state, data):
        trainable, others, optimizer, metrics = state
        x, y, weight = keras.utils.unpack_x_y_sample_weight(data)
        grad = jax.value_and_grad(self.compute_loss_and_updates, has_aux=True)
        (_, (loss, y_pred, others, metrics)), grads = grad(
            trainable, others, metrics, x, y, weight, training=True,
            optimizer_variables=optimizer,
        )
        grads = [{sign}g for g in grads]
        trainable, optimizer = self.optimizer.stateless_apply(
            optimizer, grads, trainable
        )
        with keras.StatelessScope(zip(self.metrics_variables, metrics)) as scope:
            super().metrics[0].update_state(loss, sample_weight=len(x))
            logs = self.compute_metrics(x, y, y_pred, weight)
        metrics = [scope.get_current_value(v) for v in self.metrics_variables]
        return logs, (trainable, others, optimizer, metrics)


def build():
    return made(Model, data())
"""


@pytest.mark.parametrize(("sign", "outcome"), [("", "exact"), ("-", "differs")])
def test_model_of_build_is_compared(sign, outcome, tmp_path):
    """A model of `--build` that calls `compute_loss()` has a reference as well."""
    path = tmp_path / "model.py"
    path.write_text(START + NEGATED.format(sign=sign), encoding="utf-8")
    tested = find_class(str(path), build=f"{path}:build")
    verdict = checks.run(CHECKS["your model and data"], tested)
    falls = checks.run(CHECKS["the loss falls along the gradient"], tested)

    assert outcome == verdict.outcome, verdict
    assert ((("gradient-negated",),) if sign else ()) == (*verdict.explained_by,)
    assert ("differs" if sign else "holds") == falls.outcome
    assert not sign or ("gradient-negated",) in falls.explained_by


UNBUILT = """

class Net(Model):
    def __init__(self):
        super().__init__()
        self.first = keras.layers.Dense(8, "relu")
        self.last = keras.layers.Dense(1)

    def call(self, x):
        return self.last(self.first(x))


def build_net():
    model = Net()
    model.compile("adam", metrics=["mae"])
    x = np.random.default_rng(0).normal(size=(60, 5)).astype("float32")
    return model, (x, x[:, :1])
"""


@pytest.mark.parametrize(("sign", "outcome"), [("", "exact"), ("-", "differs")])
def test_model_that_fit_builds(sign, outcome, tmp_path):
    """A model without weights before `fit()` is compared like any other."""
    path = tmp_path / "model.py"
    path.write_text(START + NEGATED.format(sign=sign) + UNBUILT, encoding="utf-8")
    tested = find_class(str(path), "Net", build=f"{path}:build_net")
    verdict = checks.run(CHECKS["your model and data"], tested)

    assert outcome == verdict.outcome, verdict
    assert ((("gradient-negated",),) if sign else ()) == (*verdict.explained_by,)


def test_class_without_config(tmp_path):
    """Keras cannot load the class, which is no mistake of its step."""
    path = tmp_path / "model.py"
    path.write_text(START + NEGATED.format(sign="") + UNBUILT, encoding="utf-8")
    tested = find_class(str(path), "Net", build=f"{path}:build_net")
    verdict = checks.run(CHECKS["a loaded model continues training"], tested)

    assert "not applicable" == verdict.outcome
    assert "Keras cannot load a Net: it has no get_config()" in verdict.detail


def test_loss_inside_the_step_has_no_reference(tmp_path):
    """A step that does not call `compute_loss()` is not compared with Keras's."""
    path = tmp_path / "model.py"
    path.write_text(START + PAIR.format(**RIGHT), encoding="utf-8")
    tested = find_class(str(path), build=f"{path}:build")
    verdict = checks.run(CHECKS["your model and data"], tested)

    assert "not applicable" == verdict.outcome
    assert "without compute_loss()" in verdict.detail


KERAS_STEP = """
class Model(keras.Model):
    def train_step(self, state, data):
        return super().train_step(state, data)


def build():
    keras.config.set_dtype_policy({policy!r})
    inputs = keras.Input((3, 1))
    hidden = keras.layers.{layer}(inputs)
    hidden = keras.layers.GroupNormalization(2)(hidden)
    model = Model(inputs, keras.layers.Dense(1)(hidden))
    keras.config.set_dtype_policy("float32")
    optimizer = keras.optimizers.{optimizer}
    model.compile(optimizer=optimizer, loss="mse")
    x, y = data()
    return model, (x[..., None], y)
"""
BFLOAT16, EAGER = "mixed_bfloat16", "eager execution changes nothing"


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ("layer", "optimizer", "policy", "check"),
    [
        # It has a seed, but draws nothing.
        ("LSTM(4)", "Adam()", "float32", "all state is updated"),
        # It changes no weight in the first step.
        (
            "LSTM(4)",
            "Adam(gradient_accumulation_steps=2)",
            "float32",
            "your model and data",
        ),
        # bfloat16 rounds after 8 bits.
        ("Conv1D(4, 3)", "Adam(clipnorm=0.5)", BFLOAT16, EAGER),
        ("Conv1D(4, 3)", "Adam(clipnorm=0.5)", BFLOAT16, "your model and data"),
    ],
)
def test_keras_step_is_right(layer, optimizer, policy, check, tmp_path):
    """Keras's own step is accused of nothing, whatever the model and the optimizer."""
    path = tmp_path / "model.py"
    how = {"layer": layer, "optimizer": optimizer, "policy": policy}
    path.write_text(START + KERAS_STEP.format(**how), encoding="utf-8")
    verdict = checks.run(CHECKS[check], find_class(str(path), build=f"{path}:build"))

    assert verdict.outcome in ("holds", "exact"), verdict


CONSTANT = """
class Model(keras.Model):
    def train_step(self, state, data):
        return super().train_step(state, data)


def build():
    x, y = data()
    return made(Model, (np.ones_like(x), np.zeros_like(y)), {"loss": "mse"})
"""


def test_equal_rows_have_weights(tmp_path):
    """If all rows are equal, sample weights in another order change nothing."""
    path = tmp_path / "model.py"
    path.write_text(START + CONSTANT, encoding="utf-8")
    tested = find_class(str(path), build=f"{path}:build")

    assert (
        "holds" == checks.run(CHECKS["sample weights change the loss"], tested).outcome
    )


def as_dicts(verdicts) -> list[dict]:
    """Returns the failures in the form of the child processes."""
    return [vars(verdict) for verdict in verdicts if verdict.failed]


#: Checks that mistakes of training, reporting and evaluation fail in many ways.
SOME = (
    "plain",
    "all kinds of losses",
    "batch normalization",
    "sample_weight with regularizers",
    "outputs in a dict",
    "mixed_float16 with SGD",
    "validation_data",
    "train_on_batch",
    "all state is updated",
    "the loss falls along the gradient",
    "regularizers and added losses reach the loss",
    "sample weights change the loss",
    "the state works as a scan carry",
    "each step compiles once",
    "evaluation changes no weights",
)


def found_reports(folder, names, *mutants) -> list:
    """Checks a class with the mistakes of mutants, and returns the reports."""
    options = {name: value for m in mutants for name, value in m.options.items()}
    verdicts, loads = {}, {}

    def run(name):
        check = CHECKS[name]
        sparse = getattr(check, "needs", "") == "sparse"
        task = "multiclass" if sparse else "regression"
        if task not in loads:
            source = edited(text(Spec(task=task, **options)), mutants)
            # In a file, so that errors show their lines.
            path = folder / f"{task}.py"
            path.write_text(source, encoding="utf-8")
            code = compile(source, str(path), "exec")
            loads[task] = lambda: execute(code, "CustomModel")
        tested = generated_class(Spec(task=task, **options))
        verdicts[name] = checks.run(check, replace(tested, load=loads[task]))

    for name in names:
        run(name)
    for name, verdict in [*verdicts.items()]:
        if any("unexplained" in codes for codes in verdict.explained_by):
            run(name)  # as the worker does
    return reports(as_dicts(verdicts.values()))


def edited(source, mutants) -> str:
    """Returns a source with the edits of mutants."""
    for old, new in [e for m in mutants for e in ((m.old, m.new), *m.also)]:
        source = source.replace(old, new)
    return source


#: Mistakes that fail several checks, each in its own way.
WIDE = (
    "the model does not train in training mode",
    "the new state of the forward pass is dropped",
    "the model's own losses are dropped",
    "the sample weights do not reach the loss",
    "the reported loss is a mean over batches",
    "the gradient has the wrong sign",
    "the loss is not scaled",
    "the results of the optimizer are swapped",
    "only the logs are returned",
)

#: Mistakes that change many numbers, but whose cause is a broken invariant or an error.
DEEP = (
    "the reported loss is weighted by the sample weights",
    "metrics are not in the scope",
    "a log has a value for each sample",
    "the variables of a second optimizer are not in the state",
    "a counter is a Python int",
    "noise is drawn from a constant key",
    "the metrics variables change their dtype",
    "the metrics variables become weakly typed",
)
OF_STATE = (
    "the state keeps its structure",
    "the loss falls along the gradient",
    "eager execution changes nothing",
)


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    "mutant", [m for m in MUTANTS if m.name in WIDE + DEEP], ids=lambda m: m.name
)
def test_one_mistake_is_one_report(mutant, tmp_path):
    """Whatever checks a mistake fails, they make one report."""
    names = SOME if mutant.name in WIDE else ("plain", *OF_STATE)
    found = found_reports(tmp_path, dict.fromkeys([mutant.caught_by, *names]), mutant)

    assert 1 == len(found), shown(found)


def shown(found) -> list:
    """Returns the codes of reports, with the names of their checks."""
    return [(r.code, [v["name"] for v in r.verdicts]) for r in found]


#: Mistakes in what is trained, by what they concern.
TRAINED = {
    "the losses that layers add are dropped": "losses",
    "the model's own losses are dropped": "losses",
    "regularizers are counted twice": "losses",
    "the step calls self(x)": "losses forward",
    "the sample weights do not reach the loss": "weights",
    "the sample weights do not reach the class's own loss": "weights",
    "the gradient has the wrong sign": "gradient",
    "the model does not train in training mode": "forward",
    "the new state of the forward pass is dropped": "forward",
    "the loss is not scaled": "scale",
    "gradients are clipped before they are unscaled": "scale",
    "the optimizer's state is dropped": "optimizer",
}
#: Mistakes in what is reported.
REPORTED = {
    "the sample weights do not reach the metrics": "metrics",
    "the reported loss is a mean over batches": "tracker",
    "every metric is updated with the predictions": "metrics",
    "the metrics variables are in the wrong order": "tracker",
    "the loss tracker is not updated": "tracker",
    "evaluation drops the new state of the metrics": "evaluation",
}


def random_pairs(count: int) -> list:
    """Draws pairs of mistakes that can be made together.

    One of them changes what is trained: two that change only what is reported have no
    case that shows one of them alone.
    """
    rng, found = random.Random(7), {}
    by_name = {mutant.name: mutant for mutant in MUTANTS}
    kinds = TRAINED | REPORTED
    while len(found) < count:
        names = rng.choice([*TRAINED]), rng.choice([*kinds])
        first, second = (by_name[name] for name in names)
        both = text(Spec(**{**first.options, **second.options}))
        made = edited(both, (first, second))
        apart = not {*kinds[first.name].split()} & {*kinds[second.name].split()}
        apart = apart and names[::-1] not in found
        if (
            apart
            and made == edited(both, (second, first))
            and made not in (edited(both, [first]), edited(both, [second]))
        ):
            mark = [] if not found else [pytest.mark.exhaustive]
            found[names] = pytest.param(first, second, id=" + ".join(names), marks=mark)
    return [*found.values()]


@pytest.mark.parametrize(("first", "second"), random_pairs(12))
def test_two_mistakes_are_two_reports(first, second, tmp_path):
    """Two mistakes at once make two reports."""
    names = [first.caught_by, second.caught_by, "plain", "all kinds of losses"]
    found = found_reports(tmp_path, dict.fromkeys(names), first, second)

    assert 2 == len(found), shown(found)


def failure(name, *explained_by, code="", outcome="differs"):
    """Returns a failure that some causes explain."""
    code = code or (explained_by[0][0] if explained_by else "unexplained")
    return {
        "name": name,
        "outcome": outcome,
        "code": code,
        "cause": f"Cause {code}.",
        "fix": "Fix.",
        "explained_by": [list(codes) for codes in explained_by],
    }


def test_the_fewest_causes_explain_all_failures():
    """An ambiguous failure belongs to the cause that other failures need."""
    found = reports(
        [
            failure("one", ("loss-not-scaled",), ("inference-mode",)),
            failure("two", ("inference-mode",)),
            failure("three", ("inference-mode",), ("forward-state-dropped",)),
            failure("four", ("mean-over-batches",)),
            failure("five", ("inference-mode", "mean-over-batches")),
            failure("six", code="unexplained"),
        ]
    )

    assert [
        ("inference-mode", ["two", "one", "three", "five"]),
        ("mean-over-batches", ["four", "five"]),
        ("unexplained", ["six"]),
    ] == [(r.code, [v["name"] for v in r.verdicts]) for r in found]


def test_what_a_cause_brings_about_is_in_its_report():
    """A state of another structure is compiled again, which is no second mistake."""
    found = reports(
        [failure("a", ("step-recompiled",)), failure("b", ("state-structure",))]
    )

    assert [("state-structure", ["b", "a"])] == shown(found)


def test_three_causes_of_one_failure():
    """A failure that only three causes explain together is in three reports."""
    codes = ("loss-not-scaled", "inference-mode", "mean-over-batches")

    assert [(c, ["a"]) for c in codes] == shown(reports([failure("a", codes)]))


def test_body_does_not_explain_its_header(tmp_path):
    """The `with` line fails, so a `None` in its body is not the cause."""
    [mutant] = [m for m in MUTANTS if m.name == "metrics are not in the scope"]
    path = tmp_path / "model.py"
    path.write_text(mutant.source(), encoding="utf-8")
    verdict = checks.run(CHECKS["plain"], find_class(str(path)))

    assert "metric-outside-scope" == verdict.code, verdict
