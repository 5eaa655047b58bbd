"""An error in a training step is reported with the user's line and its true cause.

The steps are those of `error_cases.py`. Each stands for a kind of mistake.
"""

import re

import jax  # noqa: F401 - imported before the files under test
import keras
import pytest
from error_cases import BUILD, CASES, HEAD, RIGHT, guide

from scaffold.verify import causes, checks
from scaffold.verify.class_in_file import find_class
from scaffold.verify.user_lines import Line, statement, user_lines
from scaffold.verify.verdict import describe

CHECKS = {check.name: check for check in checks.CHECKS}
CONTRACT = [check for check in checks.CHECKS if check.group == "contract"]

#: What is checked every day. CI checks every case.
DAILY = (
    "only the logs are returned",
    "the parts of the state are reordered",
    "apply_gradients()",
    "stateless_apply() gets the variables first",
    "the optimizer gets a part of the variables",
    "compute_loss_and_updates() lacks the optimizer's variables",
    "a gradient tape",
    "a seed inside scan",
    "a metric is updated in call()",
    "a layer is made in the step",
    "trainable is changed after compile()",
    "get_config() lacks an argument",
)

pytestmark = pytest.mark.usefixtures("plain_compiler", "no_distribution")


@pytest.fixture
def no_distribution():
    """Ends the distribution that a `build()` may have set."""
    yield
    keras.distribution.set_distribution(None)


def parameters() -> list:
    """Lists the cases: some every day, all of them in CI."""
    return [
        pytest.param(
            case,
            id=case.name,
            marks=[] if case.name in DAILY else [pytest.mark.exhaustive],
        )
        for case in CASES
    ]


def verdicts(folder, text, chosen) -> list:
    """Checks a file, and returns the verdicts."""
    path = folder / "model.py"
    path.write_text(text, encoding="utf-8")
    tested = find_class(str(path), build=f"{path}:build")
    return [checks.run(check, tested) for check in chosen]


@pytest.mark.parametrize("case", parameters())
def test_cause(case, tmp_path):
    """The report names the line and the cause, and asks for no flag that was given."""
    [found] = verdicts(tmp_path, case.text, [CHECKS[case.check]])

    assert found.failed, found
    assert case.code == found.code, found
    assert case.line in named_line(case.text, found.detail), found
    assert "--build" not in found.fix and "{" not in found.cause


def named_line(text: str, detail: str) -> str:
    """Returns the line of a file that the end of a detail names."""
    place = re.search(r"model\.py:(\d+)\)$", detail)
    return text.splitlines()[int(place[1]) - 1] if place else ""


def test_cases_cover_every_error():
    """Each error of `causes.toml` that a file can raise has a case."""
    texts = {entry["code"] for entry in causes._TEXTS["error"]}
    elsewhere = {
        "batches-stacked",  # only by Keras 3.16: in `test_environments.py`
        "loss-scaled-outside-scope",
        "loss-tracker-not-listed",
        "predict-step-result",
        "sample-weight-not-passed",
        "sample-weights-unsupported",
    }

    assert texts - {case.code for case in CASES} - elsewhere == set()
    assert {*DAILY} <= {case.name for case in CASES}


#: Mistakes that once gave several causes.
ONE_CAUSE = (
    "only the logs are returned",
    "test_step() returns four parts",
    "apply_gradients()",
    "the loss is computed outside a scope",
    "a metric is updated outside a scope",
    "a seed outside a scope",
    "a metric is made in the step and kept",
    "a layer is made in call()",
)


@pytest.mark.parametrize(
    "case", [pytest.param(c, id=c.name) for c in CASES if c.name in ONE_CAUSE]
)
@pytest.mark.exhaustive
def test_one_cause(case, tmp_path):
    """A mistake that raises an error has one cause, whatever check it fails."""
    found = verdicts(tmp_path, case.text, CONTRACT)

    failed = [verdict for verdict in found if verdict.failed]
    assert {case.code} == {verdict.code for verdict in failed}, failed
    assert len(failed) > 5


AUGMENTED = HEAD + """
class MyModel(keras.Model):
    def train_step(self, state, data):
        return super().train_step(state, data)


def build():
    inputs = keras.Input((8, 8, 3))
    images = keras.layers.AugMix(value_range=(0, 1))(inputs)
    model = MyModel(inputs, keras.layers.Dense(1)(keras.layers.Flatten()(images)))
    model.compile(optimizer="adam", loss="mse")
    x = np.random.default_rng(0).uniform(size=(16, 8, 8, 3)).astype("float32")
    return model, (x, x[:, 0, 0, :1])
"""


@pytest.mark.exhaustive
def test_layers_may_draw(tmp_path):
    """A step is not accused of the random numbers that a layer of Keras draws."""
    [found] = verdicts(tmp_path, AUGMENTED, [CHECKS["the logs are scalars"]])

    assert "holds" == found.outcome, found


def caught(call, *arguments) -> Exception:
    """Returns the error that a call raises, without this test in its traceback."""
    with pytest.raises(Exception) as raised:  # noqa: B017
        call(*arguments)
    return raised.value.with_traceback(raised.value.__traceback__.tb_next)


def imported(folder, text, name="model.py"):
    """Writes a file, and returns its functions."""
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    functions = {"__name__": "model"}
    exec(compile(text, str(path), "exec"), functions)
    return functions


def test_long_message_keeps_the_place(tmp_path):
    """The line is named after a message of any length."""
    module = imported(tmp_path, 'def step():\n    raise ValueError("long " * 9000)\n')
    shown = describe(caught(module["step"]))

    assert shown.endswith(f"... (at {tmp_path}/model.py:2)")
    assert len(shown) < 400 + len(str(tmp_path))


def test_line_of_a_cause(tmp_path):
    """If a library raised the error, the line of its cause is named."""
    module = imported(tmp_path, "def step(x):\n    return 1 / x\n")

    def library():
        try:
            module["step"](0)
        except ZeroDivisionError as error:
            reason = error
        raise ValueError("Cannot train.") from reason

    error = caught(library).with_traceback(None)
    assert f"(at {tmp_path}/model.py:2)" in describe(error)


def test_line_in_the_text(tmp_path):
    """A line in a message of JAX is found, even if the path has spaces."""
    imported(tmp_path, "x = 1\n", "my files at home/a b.py")
    place = tmp_path / "my files at home" / "a b.py"
    error = ValueError(
        f"The function leaked was <lambda> at {place}:1 traced for cond."
    )

    assert [] == user_lines(error)
    (tmp_path / "a b.py").touch()
    error = ValueError(f"It was <lambda> at {tmp_path}/a b.py:7 traced for cond.")
    assert [Line(f"{tmp_path}/a b.py", 7)] == user_lines(error)


def test_installed_code_counts_last(tmp_path):
    """Code of an installed package is named only if no other code of the user ran."""
    place = "site-packages/models/step.py"
    (tmp_path / "site-packages").mkdir()
    installed = imported(tmp_path, "def step(f):\n    return f(0)\n", place)
    own = imported(tmp_path, "def loss(x):\n    return 1 / x\n")

    assert "site-packages/models/step.py:2)" in describe(
        caught(installed["step"], bytes.fromhex)
    )
    assert "model.py:2)" in describe(caught(installed["step"], own["loss"]))


def test_path_in_the_current_folder(tmp_path, monkeypatch):
    """A file in the current folder has a relative path, with its folders."""
    (tmp_path / "steps").mkdir()
    module = imported(tmp_path, "def step():\n    return 1 / 0\n", "steps/model.py")
    error = caught(module["step"])
    monkeypatch.chdir(tmp_path)

    assert "(at steps/model.py:2)" in describe(error)


def test_statement(tmp_path):
    """A statement over several lines is read as one, and a block without its body."""
    (tmp_path / "model.py").write_text(
        "def step(x):\n"
        "    x = apply(\n"
        "        x,\n"
        "    )\n"
        "    with scope(\n"
        "        x\n"
        "    ) as y:\n"
        "        return y\n"
    )

    def read(number):
        return statement(Line(str(tmp_path / "model.py"), number))

    assert ["x = apply(x)"] * 3 == [read(number) for number in (2, 3, 4)]
    assert "with scope(x) as y:" == read(6)
    assert ("return y", "def step(x):", "") == (read(8), read(1), read(9))


def test_refused_weights(tmp_path):
    """A class refuses sample weights only if it fails because of them."""
    weights = CHECKS["sample weights change the loss"]
    odd = 'raise ValueError("No weights.")'
    refusal = f"if sample_weight is not None:\n            {odd}\n        "
    refusing = guide(report=refusal + RIGHT["report"])
    [always] = verdicts(tmp_path, HEAD + guide(report=odd) + BUILD, [weights])
    [with_weights] = verdicts(tmp_path, HEAD + refusing + BUILD, [weights])

    assert "raises" == always.outcome
    assert "not applicable" == with_weights.outcome
