"""`verify` finds the class in files as people write them: packages, notebooks, scripts.

`test_verify.py` tests what is done with the class that is found.
"""

import importlib
import json
import re
import sys
from pathlib import Path

import jax  # noqa: F401 - imported before the files under test
import keras
import pytest
from test_verify_command import verify

from scaffold.errors import SpecError
from scaffold.verify import checks, request, worker_pool
from scaffold.verify.class_in_file import find_class
from scaffold.verify.file_import import import_file
from scaffold.verify.notebook import SKIP, without_magics
from scaffold.verify.verdict import describe
from scaffold.verify.worker import _syntax_error

pytestmark = pytest.mark.usefixtures("plain_compiler")

CHECKS = {check.name: check for check in checks.CHECKS}

MODEL = "class Model(keras.Model):\n    pass\n"


@pytest.fixture(autouse=True)
def _same_modules():
    """Removes the modules of a test, which have names that other tests use."""
    known, path = {*sys.modules}, [*sys.path]
    yield
    sys.path[:] = path
    for name in [name for name in sys.modules if name not in known]:
        if not name.startswith(("keras", "jax", "numpy", "scaffold")):
            del sys.modules[name]
    importlib.invalidate_caches()


def write(folder, files) -> str:
    """Writes files, and returns the path of the last one. A list is a notebook."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, list):
            content = json.dumps({"cells": [*map(cell, content)], "metadata": {}})
        path.write_text(content, encoding="utf-8")
    return str(path)


def cell(source) -> dict:
    """Returns a cell. A pair is a cell with a tag, and text in `#` is Markdown."""
    source, *tags = source if isinstance(source, tuple) else [source]
    kind = "markdown" if source.startswith("#") else "code"
    lines = source.splitlines(keepends=True)
    return {"cell_type": kind, "metadata": {"tags": tags}, "source": lines}


# Files in packages.


@pytest.mark.parametrize(
    "files",
    [
        {
            "lab/__init__.py": "",
            "lab/base.py": "from keras import Model as Base\n",
            "lab/nets/__init__.py": "from .step import Model\n",
            "lab/nets/parts.py": "from ..base import Base\n",
            "lab/nets/step.py": "from .parts import Base\nfrom lab.base import Base as "
            "Same\n\nassert Base is Same\n\n\nclass Model(Base):\n    pass\n",
        },
        {
            "base.py": "from keras import Model as Base\n",
            "nets/parts.py": "import keras\n",
            "nets/step.py": f"from ..base import Base\nfrom .parts import *\n{MODEL}",
        },
        {
            "lab/base.py": "import keras\n",
            "lab/nets/__init__.py": "from .step import Model\n",
            "lab/nets/step.py": f"from ..base import keras\n\n\n{MODEL}",
        },
        {
            "pyproject.toml": "",
            "src/lab/base.py": "import keras\n",
            "src/lab/nets/step.py": f"from lab.base import keras\n\n\n{MODEL}",
        },
        {
            "pyproject.toml": "",
            "src/lab/base.py": "import keras\n",
            "scripts/train.py": f"from lab.base import keras\n\n\n{MODEL}",
        },
        {
            "lab/__init__.py": "",
            "lab/base.py": "import keras\n",
            "lab/step-v2.1.py": f"from .base import keras\n\n\n{MODEL}",
        },
        {
            "code/base.py": "import keras\n",
            "code/types.py": f"from .base import keras\n\n\n{MODEL}",
        },
        {"keras.py": f"import keras\n\n\n{MODEL}"},
        {
            "lab/base.py": "import keras\n",
            "lab/__init__.py": f"from .base import keras\n\n\n{MODEL}",
        },
    ],
    ids=[
        "package",
        "two folders",
        "no __init__.py at the top",
        "src",
        "beside src",
        "odd name",
        "names of the standard library",
        "name of a library",
        "__init__.py itself",
    ],
)
def test_file_in_a_package(files, tmp_path):
    """A file is imported as part of its package, and its classes have their module."""
    cls = find_class(write(tmp_path, files)).load()

    assert "Model" == cls.__name__
    assert sys.modules[cls.__module__].Model is cls
    assert Path(keras.__file__).parent.name == "keras"
    assert sys.modules["types"].__file__.startswith(sys.base_prefix)


def test_file_that_its_package_imports(tmp_path):
    """The package and `verify` share one copy of the class."""
    files = {"lab/__init__.py": "from .step import Model\n"}
    path = write(tmp_path, {**files, "lab/step.py": f"import keras\n\n\n{MODEL}"})

    assert find_class(path).load() is sys.modules["lab"].Model


def test_missing_relative_import(tmp_path):
    """A relative import of a missing module is an error that names the module."""
    path = write(tmp_path, {"lab/step.py": "from ..nothing import x\n"})

    with pytest.raises(ImportError, match="nothing"):
        find_class(path)


def test_same_package_name(tmp_path):
    """A package replaces another one of its name."""
    for name in ("a", "b"):
        files = {"lab/__init__.py": "", "lab/names.py": f"NAME = {name!r}\n"}
        source = (
            "import keras\nfrom .names import NAME\n\n\nclass Model(keras.Model):\n"
        )
        files["lab/step.py"] = f"{source}    name_of_module = NAME\n"
        path = write(tmp_path / name, files)

        assert name == find_class(path).load().name_of_module


# Classes in functions, and imported ones.

FACTORY = """
import keras
import numpy as np


def make_class():
    class Model(keras.Model):
        def train_step(self, state, data):
            return super().train_step(state, data)

    return Model


def make_model(cls=None):
    inputs = keras.Input((3,))
    model = (cls or make_class())(inputs, keras.layers.Dense(1)(inputs))
    model.compile("sgd", loss="mse")
    return model, (np.ones((4, 3)), np.ones((4, 1)))


def make_keras():
    return make_model(keras.Model)
"""

IMPORTS = "from lab.models import Model\nfrom factory import make_model\n"

BUILDS = """

def build():
    return make_model(Model)
"""

LAB = {
    "lab/__init__.py": "",
    "lab/models.py": f"import keras\n\n\n{MODEL}",
    "a.py": "from lab.models import Model\n",
    "factory.py": FACTORY,
}


@pytest.mark.parametrize("name", ["", ":Model"])
def test_class_in_a_function(name, tmp_path):
    """The class is taken from a model of `--build`, which may make a new class."""
    path = write(tmp_path, {"factory.py": FACTORY})
    tested = find_class(path, name[1:], build=f"{path}:make_model")

    first, second = tested.load(), tested.load()
    assert "make_class.<locals>.Model" == first.__qualname__ == second.__qualname__
    assert first is not second
    assert "holds" == checks.run(CHECKS["the logs are scalars"], tested).outcome


@pytest.mark.parametrize("target", ["lab/models.py", "train.py"])
def test_imported_class(target, tmp_path):
    """A script may build a model of a class that it imports from a package."""
    path = write(tmp_path, {**LAB, "train.py": IMPORTS + BUILDS})
    tested = find_class(str(tmp_path / target), build=f"{path}:build")

    assert "lab.models" == tested.load().__module__
    assert "lab.models" == find_class(path, "Model").load().__module__


@pytest.mark.parametrize(
    ("files", "name", "function", "message"),
    [
        ({}, "Other", "make_model", "returns a Model, not a Other."),
        ({}, "", "make_keras", "returns a Functional, which is Keras's own class."),
        (
            {"factory.py": f"{FACTORY}\n\n{MODEL}"},
            "Model",
            "make_model",
            "returns the Model of factory.py, line 7, but factory.py:Model is the one "
            "of factory.py, line 25.",
        ),
        (
            {"other.py": f"import keras\n\n\n{MODEL.replace('Model(', 'Mine(')}"},
            "",
            "make_model",
            "returns a Model of factory.py, but other.py defines Mine.",
        ),
    ],
    ids=["another name", "Keras's own", "two of a name", "another file"],
)
def test_build_of_another_class(files, name, function, message, tmp_path):
    """A model of another class than the user names is an error."""
    path = write(tmp_path, {"factory.py": FACTORY, **files})

    with pytest.raises(SpecError, match=re.escape(message)):
        find_class(path, name, build=f"{tmp_path / 'factory.py'}:{function}")


@pytest.mark.parametrize(
    ("source", "message", "hint"),
    [
        (
            FACTORY,
            "factory.py defines Model inside make_class(), line 7.",
            "Name a function that returns a compiled model",
        ),
        (
            "from a import Model\n" + FACTORY.replace("class Model", "class M"),
            "factory.py defines M inside make_class(), line 8.",
            "--build FILE:FUNCTION",
        ),
        (
            "from a import Model\n",
            "factory.py defines no subclass of keras.Model.",
            "factory.py:Model.",
        ),
    ],
)
def test_hint_for_a_hidden_class(source, message, hint, tmp_path):
    """The error says where the class is, and how to name it."""
    with pytest.raises(SpecError) as caught:
        find_class(write(tmp_path, {**LAB, "factory.py": source}))

    assert message == caught.value.message
    assert hint in caught.value.hint


# Two classes of one name.

TWO = {
    "a.py": f"import keras\n\n\n{MODEL}",
    "b.py": f"import keras\n\n\n{MODEL}",
    "same.py": "from a import Model\n",
}
ONE_BRANCH = """
import keras

try:
    from a import Model
except ImportError:
    class Model(keras.Model):
        pass
"""


@pytest.mark.parametrize(
    ("source", "places"),
    [
        (f"import keras\n{MODEL}\n\n{MODEL}", "line 2 and line 6"),
        ("from a import Model\nfrom b import Model\n", "line 1 and line 2"),
        ("from a import *\nfrom b import *\n", "line 1 and line 2"),
        (f"from a import *\nimport keras\n{MODEL}", "line 1 and line 3"),
        ("import a, b\nModel = a.Model\nModel = b.Model\n", "line 2 and line 3"),
        (
            ["import keras", "# Text", MODEL, f"x = 1\n{MODEL}"],
            "cell 2, line 1 and cell",
        ),
        ("from a import Model\nfrom same import Model\n", ""),
        ("from a import Model\n\n\nclass Model(Model):\n    pass\n", ""),
        (f"import keras\n{MODEL}\nM = Model\n{MODEL.replace('keras.Model', 'M')}", ""),
        ("from a import Model\n\nModel = print(Model) or Model\n", ""),
        (ONE_BRANCH, ""),
        (f"import keras\n\nModel = None\n{MODEL}\nModel.note = [1]\n", ""),
        (f"import keras\nfrom keras import Model\n\n\n{MODEL}", ""),
    ],
)
def test_two_classes_of_a_name(source, places, tmp_path):
    """A name with two meanings is an error that names both places."""
    name = "model.ipynb" if isinstance(source, list) else "model.py"
    path = write(tmp_path, {**TWO, name: source})
    if not places:
        assert "Model" == find_class(path, "Model").load().__name__
        return
    with pytest.raises(SpecError, match=f"defines Model twice: {places}"):
        find_class(path, "Model")


def test_two_classes_in_an_imported_module(tmp_path):
    """The file of an imported class is searched as well, and is named."""
    twice = {"a.py": f"import keras\n\n\n{MODEL}\n\n{MODEL}\n\n{MODEL}"}
    path = write(tmp_path, {**twice, "model.py": "from a import Model\n"})

    expected = "a.py defines Model 3 times: line 4, line 8 and line 12."
    with pytest.raises(SpecError, match=expected):
        find_class(path, "Model")


# Scripts that train when they are imported.

TRAINS = """
import keras
import numpy as np

open({counter!r}, "a").write(".")


@keras.saving.register_keras_serializable(package="mine")
class Model(keras.Model):
    def train_step(self, state, data):
        return super().train_step(state, data)


inputs = keras.Input((3,))
model = Model(inputs, keras.layers.Dense(1)(inputs))
model.compile("sgd", loss="mse")
model.fit(np.ones((4, 3)), np.ones((4, 1)), verbose=0)


def build():
    made = keras.models.clone_model(model)
    made.compile("sgd", loss="mse")
    return made, (np.ones((4, 3)), np.ones((4, 1)))
"""


def test_script_that_trains(tmp_path):
    """A file is run once, although Keras rewrites the bases of its class in it."""
    counter = tmp_path / "count"
    path = write(tmp_path, {"train.py": TRAINS.format(counter=str(counter))})
    tested = find_class(path)

    assert "Functional" in [
        base.__name__ for base in sys.modules["train"].Model.__mro__
    ]
    assert (keras.Model,) == tested.load().__bases__
    for name in ("overridden compute_loss", "a loaded model continues training"):
        assert not checks.run(CHECKS[name], tested).failed
    assert "." == counter.read_text()
    find_class(path, build=f"{path}:build")
    assert ".." == counter.read_text()


# Notebooks.

SETUP = """\
!pip install -q keras
%matplotlib inline
import keras
import numpy as np
"""
STEP = """\
class Model(keras.Model):
    def train_step(self, state, data):
        x, y = data
        self.optimizer.apply_gradients(zip(state[0], self.trainable_variables))
"""
BUILD = """\
def build():
    inputs = keras.Input((3,))
    model = Model(inputs, keras.layers.Dense(1)(inputs))
    model.compile("sgd", loss="mse")
    return model, (np.load("x.npy"), np.ones((48, 1)))
"""
SAVE = "np.save('x.npy', np.ones((48, 3)))\n%time _ = build()"


def test_notebook(tmp_path):
    """The cells run in order and in their folder. An error names the cell's line."""
    cells = ["# Title", SETUP, "", STEP, BUILD, SAVE, ("1 / 0", SKIP)]
    path = write(tmp_path, {"train.ipynb": cells})
    tested = find_class(path, build=f"{path}:build")
    verdict = checks.run(CHECKS["the logs are scalars"], tested)

    assert "raises" == verdict.outcome
    assert "at train.ipynb, cell 2, line 4)" in verdict.detail
    assert "change variables in place" in verdict.cause  # from that line
    assert (tmp_path / "x.npy").exists()


def test_class_of_a_notebook(tmp_path):
    """The class of a notebook is found and compared as any other."""
    build = BUILD.replace("build()", "first()").replace("np.load('x.npy')", "None")
    cells = [
        SETUP,
        MODEL,
        f"{build}\n\nmodel = Model(keras.Input(()), keras.Input(()))",
    ]
    cells[-1] = "i = keras.Input((2,))\nmodel = Model(i, keras.layers.Dense(1)(i))"
    tested = find_class(write(tmp_path, {"my notebook.ipynb": cells}))

    assert (keras.Model,) == tested.load().__bases__
    assert "exact" == checks.run(CHECKS["overridden compute_loss"], tested).outcome


@pytest.mark.parametrize(
    ("cells", "place"),
    [
        (["import keras", "# Text", "\n\n1 / 0"], "(at model.ipynb, cell 2, line 3)"),
        (
            ["def f():\n    return 1 / 0", "", "f()"],
            "(in cell 2, at model.ipynb, cell 1, line 2)",
        ),
        (["import json", "json.loads('')"], "(at model.ipynb, cell 2, line 1)"),
    ],
)
def test_cell_that_raises(cells, place, tmp_path):
    """An error names the cell that was running, and the line that raised it."""
    with pytest.raises((ArithmeticError, ValueError)) as caught:
        import_file(write(tmp_path, {"model.ipynb": cells}))

    assert describe(caught.value).endswith(place)


def test_tags_and_what_ipython_defines(tmp_path):
    """Jupyter's tags hold, and what IPython defines can be called."""
    cells = [
        ("1 / 0", SKIP),
        ("1 / 0", "raises-exception"),
        "display(get_ipython().system('ls'))",
        "from __future__ import annotations",
        "def f(x: Undefined): pass",
    ]
    module = import_file(write(tmp_path, {"model.ipynb": cells}))

    assert "Undefined" == module.f.__annotations__["x"]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("%matplotlib inline\nx = 1", "pass\nx = 1"),
        ("if x:\n    !pip install y", "if x:\n    pass"),
        ("!wget \\\n  https://a/it's.zip\nx = 1", "pass\n\nx = 1"),
        ("files = !ls\nx = %sql select", "pass\npass"),
        ("keras.Model?\nnp.ones??\n?np", "pass\npass\npass"),
        ("pip install keras\nx = 1", "pass\nx = 1"),
        ("%time x = f(\n    1)", "x = f(\n    1)"),
        ("\n%%time\nx = 1", "\n\nx = 1"),
        ("%%capture out\n%%time\nx = 1", "\n\nx = 1"),
        ("%%timeit\nx = 1", ""),
        ("%%bash\nls", ""),
        (
            "x = (7\n% 4)\ny = '''\n%cd\n!ls\n'''",
            "x = (7\n% 4)\ny = '''\n%cd\n!ls\n'''",
        ),
        ("%cd x\ny = (7\n% 4)", "pass\ny = (7\n% 4)"),
        ("x = 1 # why?\nx = (", "x = 1 # why?\nx = ("),
    ],
)
def test_magics(source, expected):
    """Magics are left out, but what only looks like one is not."""
    assert expected == without_magics(source)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            ["x = 1", "%cd\nx = 1\ndef f(:"],
            "invalid syntax (model.ipynb, cell 2, line 3)",
        ),
        ("x = 1", "model.ipynb is not a notebook: JSONDecodeError"),
        ("[1]", "model.ipynb is not a notebook: AttributeError"),
        ('{"cells": [1]}', "model.ipynb is not a notebook: TypeError"),
        ('{"worksheets": []}', "model.ipynb is not a notebook: KeyError"),
        ("\x00", "model.ipynb is not a notebook"),
        ("[" * 100_000, "model.ipynb cannot be parsed: RecursionError"),
        (
            '{"cells": [], "metadata": {"language_info": {"name": "R"}}}',
            "model.ipynb is a notebook in 'r'.",
        ),
        ([f"x = {'-' * 60_000}1"], "cannot be parsed"),
    ],
)
def test_unusable_notebook(content, message, tmp_path, monkeypatch):
    """A file that is no notebook in Python is an error with a hint."""
    monkeypatch.chdir(tmp_path)
    write(tmp_path, {"model.ipynb": content})
    error = _syntax_error("model.ipynb")

    assert message in error.message
    assert error.hint


def test_classes_in_cells_that_are_left_out(tmp_path):
    """If no class is found, the error names the cells that were not run."""
    path = write(tmp_path, {"model.ipynb": ["x = 1", f"%%backend jax\n{MODEL}"]})

    with pytest.raises(SpecError, match="such as %%bash are not run: cell 2"):
        find_class(path)


def test_target(tmp_path, monkeypatch):
    """A class can follow a notebook, which may be larger than a source file."""
    monkeypatch.chdir(tmp_path)
    write(tmp_path, {"a.ipynb:Model": "x", "a.ipynb": "x" * 10_000_001})

    assert ("a.ipynb", "Model") == request.parse_target("a.ipynb:Model")
    with pytest.raises(request.VerifyError, match="b.ipynb: No such file"):
        request.parse_target("b.ipynb:Model")


@pytest.mark.exhaustive
def test_slow_import(tmp_path, monkeypatch):
    """A file that trains too long when it is imported has a hint for its kind."""
    monkeypatch.setattr(worker_pool, "IMPORT_LIMIT", 0)
    files = {"train.py": "import time\ntime.sleep(100)\n"}
    files["train.ipynb"] = [files["train.py"]]
    write(tmp_path, files)
    for name, hint in (("train.py", "__main__"), ("train.ipynb", SKIP)):
        asked = request.Request(str(tmp_path / name))
        with pytest.raises(request.VerifyError, match="no result after 5 s") as caught:
            worker_pool.verify(asked, timeout=5, jobs=1)

        assert hint in caught.value.hint


def test_command(tmp_path):
    """The command runs a notebook. An error in a cell has a hint and no traceback."""
    files = {"right.ipynb": [SETUP, MODEL], "wrong.ipynb": [SETUP, MODEL, "1 / 0"]}
    write(tmp_path, files)
    only = ("--only", "the logs are scalars", "--jobs", "1")
    right = verify("right.ipynb:Model", *only, cwd=tmp_path)
    wrong = verify("wrong.ipynb", *only, cwd=tmp_path)

    assert (0, "") == (right.returncode, right.stderr)
    assert (2, "") == (wrong.returncode, wrong.stdout)
    assert "ZeroDivisionError: division by zero (at wrong.ipynb, cell 3" in wrong.stderr
    assert "A cell with the tag 'skip-execution' is not run." in wrong.stderr
    assert "Traceback" not in wrong.stderr


def test_private_name(tmp_path):
    """A name that Keras moved is private: the hint says so, on any version."""
    source = "from keras.src.backend.jax.trainer import TrainerOfOtherTimes\n"
    write(tmp_path, {"train.py": source})

    found = verify("train.py", "--quick", cwd=tmp_path)

    assert 2 == found.returncode
    assert "Importing train.py raises ImportError: cannot import name" in found.stderr
    assert "keras.src is private" in found.stderr
