"""Notebooks have the code of the module in cells, and run from top to bottom."""

import base64
import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import nbformat
import numpy as np
import pytest
from click.testing import CliRunner
from matrix import identify, pairwise_specs, recipe_specs, text

from scaffold import Spec, render
from scaffold.cells import CODE, MARKDOWN, cells_of
from scaffold.cli import main
from scaffold.demo_cells import DEMO_CELLS, demo_cells, with_history, with_progress
from scaffold.errors import SpecError
from scaffold.notebook_text import HEADINGS, IDS
from scaffold.recipes import recipe_names
from scaffold.verify.file_import import import_file

NAME = "model.ipynb"
#: The cells whose code is a part of the module as it is.
SHARED = ("imports", "networks", "class", "build")
FUSED = Spec(style="subclass", manual_loss=True, fuse_steps=True)
EXHAUSTIVE = pytest.mark.exhaustive


def recipe_defaults() -> list[Spec]:
    """Lists the recipes with their defaults."""
    return [Spec(recipe=name) for name in recipe_names()]


def notebook(spec: Spec) -> dict:
    """Returns the JSON of a notebook."""
    return json.loads(text(spec, NAME))


def codes(spec: Spec) -> dict[str, str]:
    """Returns the code of the cells of a notebook, by their ids."""
    return {
        cell["id"]: "".join(cell["source"])
        for cell in notebook(spec)["cells"]
        if cell["cell_type"] == CODE
    }


def invoke(*arguments, code=0):
    """Runs kscaffold in this process."""
    result = CliRunner().invoke(main, arguments)
    assert code == result.exit_code, result.output
    return result


@pytest.mark.parametrize(
    "specs",
    [
        lambda: [*recipe_defaults(), FUSED, Spec(demo=False)],
        pytest.param(recipe_specs, marks=EXHAUSTIVE),
        pytest.param(lambda: pairwise_specs()[:20], marks=EXHAUSTIVE),
    ],
    ids=["defaults", "recipes", "pairs"],
)
def test_format(specs):
    """A notebook is valid, in Jupyter's own layout, and has the parts in order."""
    order = ["title", *(i for name in HEADINGS for i in (f"about-{name}", name))]
    for spec in specs():
        source = text(spec, NAME)
        read = nbformat.reads(source, as_version=4)

        nbformat.validate(read)
        assert nbformat.writes(read) + "\n" == source, identify(spec)
        assert (4, 5) == (read.nbformat, read.nbformat_minor)
        ids = [cell.id for cell in read.cells]
        assert [name for name in order if name in ids] == ids
        for above, cell in zip(read.cells, read.cells[1:], strict=False):
            if cell.cell_type == CODE:
                assert ([], None) == (cell.outputs, cell.execution_count)
                assert (f"about-{cell.id}", MARKDOWN) == (above.id, above.cell_type)
                assert above.source.startswith("## ") and above.source.endswith(".")


@pytest.mark.parametrize("spec", recipe_defaults(), ids=identify)
def test_code_of_the_module(spec):
    """The cells have the code of the module. Every recipe has all parts of a demo."""
    if spec == Spec():
        spec = Spec(style="sequential")  # see test_subclass()
    module, cells = text(spec, "model.py"), codes(spec)

    for name in SHARED:
        assert cells.get(name, "") in module
    *_, main_block = module.split('\nif __name__ == "__main__":\n')
    expected = demo_cells(f"if True:\n{main_block}")
    assert cells["data"] and expected["data"].endswith(cells["data"])
    assert expected["evaluation"] == cells["evaluation"]
    assert "Progress()" in cells["training"] and ".fit(" in cells["training"]
    assert "plt.plot" not in module and "axes.plot(" in cells["curves"]
    draws = "figure" in main_block
    assert draws == ("samples" in cells)
    assert not draws or cells["samples"].endswith("plt.show()")
    assert "savefig" not in text(spec, NAME)


@pytest.mark.parametrize(
    ("training", "code", "history"),
    [
        ("model = f()\nmodel.fit(x)", "history = model.fit(x)", "history.history"),
        ("model = f()\nother.fit(x)", "_ = other.fit(x)", "model.history.history"),
        (
            "networks = {}\nfor n in networks:\n    n.fit(x)",
            "    n.fit(x)",
            "next(iter(networks.values())).history.history",
        ),
        ("for n in f():\n    n.fit(x)", "    n.fit(x)", ""),
    ],
    ids=["model", "another", "networks", "none"],
)
def test_history(training, code, history):
    """The curves are of the model, or of the first of several networks."""
    lines, found = with_history(training)

    assert (code, history) == (lines.split("\n")[-1], found)


@pytest.mark.parametrize(
    ("training", "expected"),
    [
        ("f(x, verbose=2)", "f(x, verbose=0, callbacks=[Progress()])"),
        ("f(verbose=2, callbacks=[c])", "f(verbose=0, callbacks=[Progress(), c])"),
        ("f(callbacks=[c], verbose=2)", "f(callbacks=[Progress(), c], verbose=0)"),
        ("f(verbose=0)\nprint(verbose)", "f(verbose=0)\nprint(verbose)"),
    ],
)
def test_progress_replaces_lines(training, expected):
    """Each `fit()` that prints a line for each epoch shows its progress."""
    assert expected == with_progress(training)


def test_same_bytes():
    """The same options give the same bytes, in another process as well."""
    code = f"import scaffold; print(scaffold.render(scaffold.Spec(), {NAME!r})[0].text)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert text(Spec(), NAME) + "\n" == done.stdout


def test_install_line():
    """The commented line installs what the notebook imports."""
    assert (
        "# %pip install keras jax matplotlib numpy scikit-learn"
        == codes(Spec(recipe="vae"))["install"]
    )
    assert "# %pip install keras jax" == codes(Spec(demo=False))["install"]


def test_without_demo():
    """Without a demo, a notebook ends with the class and its helper code."""
    cells = codes(Spec(fuse_steps=True, demo=False))

    assert ["install", "imports", "class", "plumbing"] == list(cells)
    assert cells["plumbing"].endswith("fuse_steps(CustomModel)")


def test_class_name_is_free():
    """A class cannot have the name of something that only notebooks have."""
    render(Spec(class_name="Progress"), "model.py")
    with pytest.raises(SpecError, match="would shadow"):
        render(Spec(class_name="Progress"), NAME)


def test_flags(tmp_path, monkeypatch):
    """Each flag of `new` works, and a notebook may have any name."""
    monkeypatch.chdir(tmp_path)
    name = "my first-model.ipynb"

    assert f"Would write {name}\n" == invoke("new", name, "--dry-run").stderr
    assert [] == [*tmp_path.iterdir()]
    result = invoke("new", name)
    assert f"Wrote {name}\nOpen it: " in result.stderr
    assert "jupyter lab 'my first-model.ipynb'" in result.stderr
    invoke("new", name, "--check")
    invoke("new", name, code=2)
    result = invoke("new", name, "--sample-weight", "--diff")
    assert '+    "weights = rng.uniform' in result.stdout
    invoke("new", name, "--sample-weight", "--check", code=1)
    data = json.loads(invoke("new", name, "--sample-weight", "-f", "--json").stdout)
    assert f"kscaffold new '{name}' --sample-weight" == data["command"]
    metadata = json.loads(Path(name).read_text())["metadata"]["kscaffold"]
    assert data["command"] == metadata["command"]
    assert "Did you mean `kscaffold new a.ipynb`" in invoke("a.ipynb", code=2).stderr


class Line:
    """What `display()` returns: an object that counts its updates."""

    def __init__(self):
        """Initializes the count."""
        self.texts = []

    def update(self, content, raw):
        """Records an update."""
        self.texts.append(content["text/plain"])


def run(cells: dict[str, str], *names: str, **namespace) -> dict:
    """Runs cells as a kernel does, all of them by default."""
    lines = []

    def display(content, raw, display_id):
        lines.append(Line())
        return lines[-1]

    namespace = {"__name__": "__main__", "display": display, "lines": lines} | namespace
    for name in names or cells:
        code = compile(cells[name], name, "exec", dont_inherit=True)
        exec(code, namespace)
    return namespace


@pytest.fixture(scope="module")
def ran() -> dict:
    """Runs the default notebook, and returns its variables."""
    return run(codes(Spec()))


def test_progress(ran):
    """The training shows one line, which has the results of the last epoch."""
    [line] = ran["lines"]

    assert 5 == len(line.texts)
    last = ran["history"].history["val_loss"][-1]
    assert line.texts[-1].startswith("Epoch 5/5 - loss: ")
    assert f"val_loss: {last:.4f}" in line.texts[-1]


def test_rerun(ran):
    """Each cell can run again, and then the cells that build and train a model."""
    first = ran["results"]
    for name in codes(Spec()):
        run(codes(Spec()), name, **ran)

    again = run(codes(Spec()), "class", "training", "evaluation", **ran)
    assert again["CustomModel"] is not ran["CustomModel"]
    assert isinstance(again["model"], again["CustomModel"])
    assert first == pytest.approx(again["results"], rel=1e-6)


SUBCLASS = """\
class Own(CustomModel):
    def __init__(self, units=2, **kwargs):
        super().__init__(**kwargs)
        self.dense = keras.layers.Dense(units)

    def call(self, inputs):
        return self.dense(inputs)

class Graph(CustomModel):
    def __init__(self, units=2, **kwargs):
        inputs = keras.Input((32,))
        super().__init__(inputs, keras.layers.Dense(units)(inputs), **kwargs)
"""


def test_subclass(ran, tmp_path):
    """A later subclass has an `__init__()` of its own. Models are saved as before."""
    ran = run(codes(Spec()), "class", "plumbing", "training", **ran)
    assert (keras.Model,) == ran["CustomModel"].__bases__
    later = run({"later": SUBCLASS}, **ran)
    for _ in range(2):
        for name in ("Graph", "Own"):
            model = later[name]()
            model.compile("sgd", "mse")
            model.fit(np.ones((8, 32)), np.ones((8, 2)), verbose=0)
            assert isinstance(model, ran["CustomModel"])
            assert name == type(model).__name__

    ran["model"].save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert isinstance(loaded, ran["CustomModel"])
    x = np.ones((3, 32))
    expected = ran["model"].predict(x, verbose=0)
    assert np.array_equal(expected, loaded.predict(x, verbose=0))


def test_rerun_of_fused_steps():
    """A new class is fused by the cell that builds the model, and no class twice."""
    cells = codes(FUSED)
    assert cells["training"].startswith("fuse_steps(CustomModel)\n")
    names = ["imports", "class", "plumbing", "data", "training"]
    first = run(cells, *names)
    fused = first["CustomModel"].make_train_function

    again = run(cells, "plumbing", "training", **first)
    assert fused is again["CustomModel"].make_train_function
    again = run(cells, "class", "training", "evaluation", **first)
    assert "make_train_function" in vars(again["CustomModel"])
    assert again["results"]["loss"] < 0.5


def written(folder: Path, spec: Spec, *more: str) -> str:
    """Writes a notebook with more code cells, and returns its path."""
    content = notebook(spec)
    content["cells"] += [
        {"cell_type": CODE, "id": f"x{n}", "metadata": {}, "source": code}
        for n, code in enumerate(more)
    ]
    path = folder / NAME
    path.write_text(json.dumps(content), encoding="utf-8")
    return str(path)


def test_verify_runs_what_does_not_train(tmp_path):
    """`verify` imports the class, and the definitions below the training."""
    more = (
        "UNITS = 3\nmodel.summary()\nimport math\n\n@staticmethod\ndef f():\n    1 / 0"
    )
    module = import_file(written(tmp_path, Spec(), more))

    assert {"CustomModel", "UNITS", "math", "f"} <= vars(module).keys()
    assert not {"model", "history", "x", "plt"} & vars(module).keys()


def test_verify_takes_the_options_from_the_metadata(tmp_path):
    """A class with arguments is built with the data of its recipe."""
    from scaffold.verify.class_in_file import find_class

    tested = find_class(written(tmp_path, Spec(recipe="distillation")))

    assert "Distiller" == tested.load().__name__
    assert "keras.Model lacks this algorithm" in tested.unknown


def test_ids_are_known():
    """Updates know every id that a notebook can have."""
    for spec in recipe_defaults():
        assert {cell["id"] for cell in notebook(spec)["cells"]} <= IDS
    assert {*DEMO_CELLS} <= IDS
    assert [] == cells_of("")


def execute(spec: Spec, folder: Path) -> dict[str, list]:
    """Executes a notebook with Jupyter, and returns the outputs of its cells."""
    path = folder / NAME
    path.write_text(text(spec, NAME), encoding="utf-8")
    command = ["-m", "jupyter", "nbconvert", "--to", "notebook", "--execute", NAME]
    # Importing a file under test selects a backend without pictures.
    environment = {k: v for k, v in os.environ.items() if k != "MPLBACKEND"}
    subprocess.run(
        [sys.executable, *command, "--inplace"],
        cwd=folder,
        env=environment,
        check=True,
        capture_output=True,
    )
    read = nbformat.read(path, as_version=4)
    nbformat.validate(read)
    return {c.id: c.outputs for c in read.cells if c.cell_type == CODE}


@EXHAUSTIVE
@pytest.mark.parametrize(
    ("spec", "pictures"),
    [
        (Spec(), ("curves",)),
        (FUSED, ("curves",)),
        (Spec(recipe="vae"), ("curves", "samples")),
    ],
    ids=["supervised", "fused", "vae"],
)
def test_execute(spec, pictures, tmp_path):
    """Jupyter runs the notebook from top to bottom, and shows its pictures inline."""
    outputs = execute(spec, tmp_path)

    [line] = outputs["training"]
    assert line["data"]["text/plain"].startswith("Epoch ")
    for name in pictures:
        [picture] = outputs[name]
        assert base64.b64decode(picture["data"]["image/png"]).startswith(b"\x89PNG")
    assert [NAME] == [path.name for path in tmp_path.iterdir()]


@EXHAUSTIVE
@pytest.mark.parametrize(
    "spec",
    [s for s in recipe_defaults() if s.recipe not in ("supervised", "vae")],
    ids=identify,
)
def test_run_every_recipe(spec, plain_compiler, monkeypatch):
    """The cells of every recipe run in order. One epoch shows it."""
    monkeypatch.setenv("MPLBACKEND", "agg")
    fit = keras.Model.fit

    def one_epoch(self, *args, epochs=1, **kwargs):
        return fit(self, *args, epochs=1, **kwargs)

    monkeypatch.setattr(keras.Model, "fit", one_epoch)
    ran = run(codes(spec))

    assert ran["results"]
    assert all(np.isfinite(value) for value in ran["results"].values())
