"""Training steps as other people write them get a true verdict.

Each file here stands for a kind of step that `verify` once judged wrongly.
"""

import jax  # noqa: F401 - imported before the files under test
import pytest

from scaffold.verify import checks
from scaffold.verify.class_in_file import find_class

START = """
import jax
import keras
import numpy as np


def data(rows=20, targets=1):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(rows, 3)).astype("float32")
    return x, (x[:, :1] * np.ones(targets)).astype("float32")


def network(width=1, normalized=False):
    inputs = keras.Input((3,))
    hidden = keras.layers.Dense(4)(inputs)
    if normalized:
        hidden = keras.layers.BatchNormalization()(hidden)
    return inputs, keras.layers.Dense(width)(hidden)


def made(cls, data, compiled=None, width=1, normalized=False):
    model = cls(*network(width, normalized))
    model.compile(optimizer="adam", **(compiled or {}))
    return model, data
"""

#: Keras's own step. A bias before a normalization has a gradient that is only rounding.
OWN_STEP = """
class Model(keras.Model):
    def train_step(self, state, data):
        return super().train_step(state, data)


def build():
    return made(Model, data(), {"loss": "mse"}, normalized=True)
"""

#: A step that takes the batch in the form that `fit()` gives it, without targets.
BARE = """
class Model(keras.Model):
    def __init__(self, **settings):
        super().__init__(**settings)
        self.net = keras.layers.Dense(1)

    def call(self, batch):
        return self.net(batch["x"])

    def loss_and_updates(self, trainable, others, batch):
        outputs, others = self.stateless_call(trainable, others, batch)
        return keras.ops.mean((outputs - batch["y"]) ** 2), others

    def tracked(self, metrics, loss, batch):
        with keras.StatelessScope(zip(self.metrics_variables, metrics)) as scope:
            super().metrics[0].update_state(loss, sample_weight=len(batch["x"]))
            logs = self.get_metrics_result()
        return logs, [scope.get_current_value(v) for v in self.metrics_variables]

    def train_step(self, state, data):
        trainable, others, optimizer, metrics = state
        grad = jax.value_and_grad(self.loss_and_updates, has_aux=True)
        (loss, others), grads = grad(trainable, others, data)
        trainable, optimizer = self.optimizer.stateless_apply(
            optimizer, grads, trainable
        )
        logs, metrics = self.tracked(metrics, loss, data)
        return logs, (trainable, others, optimizer, metrics)

    def test_step(self, state, data):
        trainable, others, metrics = state
        loss, others = self.loss_and_updates(trainable, others, data)
        logs, metrics = self.tracked(metrics, loss, data)
        return logs, (trainable, others, metrics)


def build():
    x, y = data()
    model = Model()
    model({"x": x, "y": y})
    model.compile(optimizer="adam")
    return model, {"x": x, "y": y}
"""

#: A step for pairs, with what `{state}` and `{apply}` say.
PAIR = """
class Model(keras.Model):
    def loss_and_updates(self, trainable, others, x, y):
        outputs, others = self.stateless_call(trainable, others, x, training=True)
        outputs = keras.ops.reshape(outputs, {shape})
        return keras.ops.mean((outputs - y) ** 2), (outputs, others)

    def train_step(self, state, data):
        x, y = data
        trainable, others, optimizer, metrics = state
        grad = jax.value_and_grad(self.loss_and_updates, has_aux=True)
        (loss, (outputs, {others})), grads = grad(trainable, others, x, y)
        {apply}
        with keras.StatelessScope(zip(self.metrics_variables, metrics)) as scope:
            super().metrics[0].update_state(loss, sample_weight=len(x))
            logs = self.compute_metrics(x, y, outputs)
        metrics = [scope.get_current_value(v) for v in self.metrics_variables]
        return {result}


def build():
    return made(Model, data(), {{"loss": "mse"}}, normalized=True)
"""
RIGHT = {
    "shape": "outputs.shape",
    "others": "others",
    "apply": "trainable, optimizer = self.optimizer.stateless_apply("
    "optimizer, grads, trainable)",
    "result": "logs, (trainable, others, optimizer, metrics)",
}


def contract(folder, source, *names, batch_size=16) -> dict:
    """Checks the contract of a file, and returns the verdicts by name."""
    path = folder / "model.py"
    path.write_text(START + source, encoding="utf-8")
    tested = find_class(str(path), build=f"{path}:build", batch_size=batch_size)
    chosen = [c for c in checks.CHECKS if c.group == "contract"]
    chosen = [c for c in chosen if not names or c.name in names]
    return {check.name: checks.run(check, tested) for check in chosen}


def outcomes(verdicts) -> dict:
    """Returns the outcomes of verdicts."""
    return {name: verdict.outcome for name, verdict in verdicts.items()}


@pytest.mark.parametrize("source", [OWN_STEP, BARE], ids=["own step", "bare batch"])
@pytest.mark.exhaustive
def test_correct_steps(source, tmp_path):
    """A correct step is accused of nothing."""
    found = outcomes(contract(tmp_path, source))

    assert {"holds", "not applicable"} >= {*found.values()}, found


COUNTER = """
class Model(keras.Model):
    steps = 0

    def train_step(self, state, data):
        self.steps += 1
        return super().train_step(state, data)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, **mode):
        loss = super().compute_loss(x, y, y_pred, sample_weight, **mode)
        return loss * (1 + self.steps)


def build():
    return made(Model, data(), {"loss": "mse"}, normalized=True)
"""
EAGER, SCAN = "eager execution changes nothing", "the state works as a scan carry"
BATCH, UPDATED = "train_on_batch trains like fit", "all state is updated"


def test_rounding_hides_no_mistake(tmp_path):
    """A number that changes from step to step is found where rounding is inflated."""
    found = contract(tmp_path, COUNTER, EAGER)

    assert "differs" == found[EAGER].outcome
    assert "where rounding explains" in found[EAGER].detail


def test_rounding_is_no_mistake(tmp_path):
    """A bias before a normalization differs in eager execution, with Keras's step."""
    assert {EAGER: "holds"} == outcomes(contract(tmp_path, OWN_STEP, EAGER))


def test_one_mistake_hides_no_other(tmp_path):
    """A step for pairs is checked with pairs, and only train_on_batch() needs more."""
    source = PAIR.format(**{**RIGHT, "others": "_"})
    found = contract(tmp_path, source, BATCH, UPDATED, "the logs are scalars")

    assert "moving_mean does not change in training" in found[UPDATED].detail
    assert "The batch is unpacked as a pair. fit(x, y) gives" in found[BATCH].cause
    assert "model.py:" in found[BATCH].detail
    assert "holds" == found["the logs are scalars"].outcome


OPTIMIZERS = [
    *("Adadelta()", "Adafactor()", "Adagrad()", "Adam()", "AdamW()", "Adamax()"),
    *("Ftrl()", "Lamb()", "Lion()", "Muon()", "Nadam()", "RMSprop()", "SGD()"),
    "SGD(momentum=0.9)",
    "Adam(use_ema=True, ema_overwrite_frequency=3)",
    "Adam(gradient_accumulation_steps=2)",
    "LossScaleOptimizer(keras.optimizers.Adam(), dynamic_growth_steps=2)",
]


@pytest.mark.usefixtures("plain_compiler")
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_lost_updates_of_optimizers(tmp_path, optimizer):
    """The new state of an optimizer must not be lost, with any optimizer of Keras."""
    made = f"keras.optimizers.{optimizer}"
    lost = {"apply": RIGHT["apply"].replace("trainable, optimizer =", "trainable, _ =")}
    outcomes = []
    for change in {}, lost:
        source = PAIR.format(**{**RIGHT, **change})
        source = source.replace("return made(Model,", "model, data_ = made(Model,")
        source += f"    model.compile({made}, loss='mse')\n    return model, data_\n"
        outcomes.append(contract(tmp_path, source, UPDATED)[UPDATED])

    right, wrong = outcomes
    assert "holds" == right.outcome, right
    assert "differs" == wrong.outcome
    assert "iteration is never updated" in wrong.detail
    assert "learning_rate" not in wrong.detail


def test_unused_optimizer_is_no_mistake(tmp_path):
    """A step may move the weights by itself."""
    own = "trainable = [v - 0.1 * grad for v, grad in zip(trainable, grads)]"
    found = contract(tmp_path, PAIR.format(**{**RIGHT, "apply": own}), UPDATED)

    assert "holds" == found[UPDATED].outcome, found


@pytest.mark.parametrize("lost", [False, True])
def test_lost_updates_in_compiled_functions(tmp_path, lost):
    """A step that a class compiles itself is no hiding place."""
    kept = "state[2]" if lost else "optimizer"
    result = f"logs, (trainable, others, {kept}, metrics)"
    source = PAIR.format(**{**RIGHT, "result": result})
    source = source.replace("    def train_step(", "    def inner_step(")
    source += """

compiled = jax.jit(Model.inner_step, static_argnums=0)
Model.train_step = lambda self, state, data: compiled(self, state, data)
"""
    found = contract(tmp_path, source, UPDATED)[UPDATED]

    assert ("differs" if lost else "holds") == found.outcome, found
    assert lost == ("adam/iteration is never updated" in found.detail)


def test_assigned_tracers_are_found(tmp_path):
    """A variable that the step itself assigns to holds a tracer after a trace."""
    leaks = "no tracer leaks from the step"
    assign = "[v.assign(new) for v, new in zip(self.trainable_variables, trainable)]"
    apply = f"{RIGHT['apply']}\n        {assign}"
    found = contract(tmp_path, PAIR.format(**{**RIGHT, "apply": apply}), leaks)[leaks]

    assert "the variable dense" in found.detail, found


@pytest.mark.parametrize(
    ("change", "cause", "fix"),
    [
        ({"result": "logs"}, "does not return (logs, state)", "Return logs, ("),
        (
            {"apply": "self.optimizer.apply_gradients(zip(grads, trainable))"},
            "apply_gradients() and apply() change variables",
            "stateless_apply(",
        ),
        (
            {"apply": "self.optimizer.apply(grads, self.trainable_variables)"},
            "apply() change variables",
            "stateless_apply(",
        ),
        (
            {"shape": "(8, 1)"},
            "may be written for another number of rows",
            "--batch-size N",
        ),
    ],
    ids=["only logs", "apply_gradients()", "apply()", "another number of rows"],
)
def test_cause_of_an_error(change, cause, fix, tmp_path):
    """An error has the cause that its line shows."""
    [found] = contract(tmp_path, PAIR.format(**{**RIGHT, **change}), EAGER).values()

    assert "raises" == found.outcome
    assert cause in found.cause and fix in found.fix


def test_batch_size(tmp_path):
    """A step for a certain number of rows is checked with it."""
    source = PAIR.format(**{**RIGHT, "shape": "(8, 1)"})
    found = contract(tmp_path, source, EAGER, SCAN, batch_size=8)

    assert {"holds"} == {*outcomes(found).values()}


def test_weights_of_build(tmp_path):
    """A function of `--build` may return sample weights, which the step then gets."""
    source = OWN_STEP.replace("data(), {", "(*data(), np.ones(20)), {")
    tested = contract(tmp_path, source, EAGER, BATCH)

    assert {"holds"} == {*outcomes(tested).values()}
