"""Proves that imports are merged as a set."""

import re

import pytest
from updating import MINE, NAME, check_trains, edit, make, update

from scaffold import Spec
from scaffold.update import module_merge

pytestmark = pytest.mark.usefixtures("plain_compiler")


def test_added_imports():
    """An import that both sides add is in the module once."""
    path = make(Spec(demo=False))
    mine = "import keras\nimport numpy as np\nimport optax\n"
    edit(path, ("import keras\n", mine), ("import os\n", "import json\nimport os\n"))

    update(NAME, "--demo")

    imports = re.findall("^import .*", path.read_text(), re.MULTILINE)
    assert sorted(set(imports)) == sorted(imports)
    assert {"import json", "import numpy as np", "import optax"} < set(imports)


def test_used_imports_stay():
    """An import that only the user's lines need is kept."""
    path = make(Spec(demo=True))
    edit(path, (MINE[0], "        np.float32(0)\n" + MINE[0]))

    update(NAME, "--no-demo")

    assert "import numpy as np\n" in path.read_text()
    check_trains(path, Spec(demo=False))


def test_missing_imports_are_added():
    """An import that the user removed is added again if new lines need it."""
    old = "import numpy as np\n\n\ndef one():\n    return np.one\n"
    ours = "\n\ndef one():\n    return 1\n"
    new = f"{old}\n\ndef two():\n    return np.two\n"

    merged = module_merge.merge_module(old, ours, new, Spec(), {})

    assert () == merged.conflicts
    assert f"import numpy as np\n{ours}\n\ndef two():\n    return np.two\n" == (
        merged.text
    )


SPELLINGS = [
    "import numpy as np  # noqa: F401",
    "try:\n    import numpy as np\nexcept ImportError:\n    pass",
    "from numpy import random",
]


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_imports_in_other_words(spelling):
    """An import in another spelling is not added again."""
    path = make(Spec(demo=False))
    edit(path, ("import keras\n", f"import keras\n{spelling}\n"))

    update(NAME, "--demo")

    there = re.findall(r"^ *import numpy as np\b", path.read_text(), re.MULTILINE)
    assert 1 == len(there)
    check_trains(path, Spec())


def test_imports_with_comments():
    """New imports are in order among imports with trailing comments."""
    path = make(Spec(demo=False))
    path.write_text(
        re.sub("^(import .*)$", r"\1  # noqa: E402", path.read_text(), flags=re.M)
    )

    update(NAME, "--demo")

    wanted = "import keras  # noqa: E402\nimport numpy as np\n"
    assert wanted in path.read_text()
    check_trains(path, Spec())


def test_import_of_something_else():
    """If a name that the new text imports means something else, this is reported."""
    path = make(Spec(demo=False))
    edit(path, ("import inspect\n", "from cmath import sqrt as np\nimport inspect\n"))

    said = update(NAME, "--demo", "--dry-run", code=1)

    assert "needs `import numpy as np`, but np is something else here" in said


@pytest.mark.parametrize(
    "line",
    [
        "import numpy as np; SEED = 5",
        "import numpy as np  # noqa: F401 (a plugin)",
        'import numpy as np; TEXT = """\nimport keras\n"""',
    ],
)
def test_what_shares_a_line_with_an_import(line):
    """An import that an update drops stays if something else is on its line."""
    path = make(Spec())
    edit(path, ("import numpy as np", line))
    update(NAME, "--no-demo")

    assert f"\n{line}\n" in path.read_text()


@pytest.mark.parametrize("first", ["import keras", '"""A Keras model'])
def test_imports_are_not_added_into_strings(first):
    """A new import goes after a string that begins on the line of another import."""
    path = make(Spec(demo=False))
    lines = path.read_text().split("\n")
    at = next(n for n, line in enumerate(lines) if line.startswith(first))
    lines[at] += '; TEXT = """\nhello\n"""'
    path.write_text("\n".join(lines))
    update(NAME, "--demo")

    assert '; TEXT = """\nhello\n"""\n' in path.read_text()
    assert 1 == path.read_text().count("import numpy as np")
