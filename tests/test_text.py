"""The text that is emitted: equal to the goldens, and clean wherever options lead."""

import ast
import difflib
import itertools
import re
import subprocess
import sys
from functools import cache

import black
import pytest
from matrix import (
    CHOICES,
    core_specs,
    expected_golden,
    golden_projects,
    golden_specs,
    identify,
    read_golden,
    text,
    whole_space,
)

from scaffold import Spec, render, rendering
from scaffold.common_options import core_options
from scaffold.errors import ConfigError
from scaffold.line_dictionary import dictionary
from scaffold.record import LINE as RECORD
from scaffold.record import MARK, Record


def all_golden() -> list[tuple[Spec, str]]:
    """Lists the goldens, which are what is generated: the first test says so."""
    return [(spec, path.read_text("utf-8")) for path, spec in golden_specs().items()]


def every_combination() -> list[tuple[Spec, str]]:
    """Renders the whole space."""
    return [(spec, text(spec)) for spec in whole_space()]


EXHAUSTIVE = pytest.mark.exhaustive

#: What has a golden, and (in CI) every combination of the options.
SPACES = pytest.mark.parametrize(
    "space",
    [all_golden, pytest.param(every_combination, marks=EXHAUSTIVE)],
    ids=lambda space: space.__name__,
)

RUFF = [
    sys.executable,
    *("-m", "ruff", "check", "--isolated", "--output-format", "concise"),
    *("--select", "E,F,I,UP,B,D", "--target-version", "py311"),
    *("--config", 'lint.pydocstyle.convention="google"'),
]


def golden_problems(expected: dict[str, str], golden: dict[str, str]) -> list[str]:
    """Compares what is generated with what is committed.

    Args:
        expected: The text that is generated now, by path.
        golden: The text in `golden/`, by path.

    Returns:
        A list of problems, each with what to do.
    """
    problems = [f"missing: {path}" for path in expected.keys() - golden.keys()]
    problems += [f"orphaned: {path}" for path in golden.keys() - expected.keys()]
    for path in expected.keys() & golden.keys():
        if expected[path] != golden[path]:
            diff = difflib.unified_diff(
                golden[path].splitlines(keepends=True),
                expected[path].splitlines(keepends=True),
                f"golden/{path}",
                "generated now",
            )
            problems.append("".join(diff))
    return sorted(problems)


def test_goldens():
    """The generator emits the goldens, byte for byte, and there are no others."""
    problems = golden_problems(expected_golden(), read_golden())

    assert not problems, "\n".join(
        ["Read the difference; if it is wanted: pytest --bless", *problems[:3]]
        + [f"... and {len(problems) - 3} more"] * (len(problems) > 3)
    )


@pytest.mark.parametrize(
    ("golden", "problem"),
    [
        ({"a.py": "x = 1\n", "b.py": "y\n"}, "orphaned: b.py"),
        ({}, "missing: a.py"),
        ({"a.py": "x = 2\n"}, "-x = 2"),
        ({"a.py": "x = 1"}, "+x = 1"),
    ],
)
def test_goldens_can_fail(golden, problem):
    """A golden that is missing, orphaned or one byte off is found and shown."""
    assert problem in "\n".join(golden_problems({"a.py": "x = 1\n"}, golden))


def test_golden_header_regenerates_it():
    """The command in the first line of a golden gives that golden."""
    from click.testing import CliRunner

    from scaffold.cli import main

    for path in golden_specs():
        header = path.read_text(encoding="utf-8").split("\n")[0]
        words = header.split(": ", 1)[1].removesuffix("  # noqa: E501").split()
        assert words[:3] == ["kscaffold", "new", path.name]

        result = CliRunner().invoke(main, ["new", "-", *words[3:]])

        # The name of the file is in the first line, and in the record at the end.
        assert inner_lines(path.read_text("utf-8")) == inner_lines(result.stdout)


def inner_lines(content: str) -> list[str]:
    """Returns the lines of a file without the first one and the record."""
    lines = content.split("\n")
    assert lines[-2].startswith(MARK) and not lines[-1]
    return lines[1:-2]


def test_record_is_the_text():
    """The record of each golden gives the golden back, and is one short line."""
    lengths = []
    for path, spec in golden_specs().items():
        content = text(spec, path.name)
        [word] = RECORD.findall(content)
        record = Record.of_word(word)

        assert content == record.put_into(record.text)
        lengths.append(len(word))
    assert sorted(lengths)[len(lengths) // 2] < 300
    assert max(lengths) < 600  # The command of a file with many parts is long.


def test_dictionary_is_used():
    """A golden needs few words of its own: the dictionary knows its lines."""
    for path, spec in golden_specs().items():
        runs = dictionary().runs(text(spec, path.name))

        # The first line, the last line, and nothing else.
        assert sum(isinstance(run, str) for run in runs) <= 2


def formatted(source: str) -> str:
    """Returns what Black makes of a file."""
    return black.format_str(source, mode=black.Mode())


@cache
def formatted_piece(source: str) -> str:
    """Returns what Black makes of a function, a class or another statement, once."""
    return formatted(source)


def formatted_by_piece(source: str) -> str:
    """Returns what Black makes of the statements of a file, each alone.

    Most files share most of theirs. What is between them has to be as it is.
    """
    lines, start = source.splitlines(keepends=True), 0
    pieces = []
    for node in ast.parse(source).body:
        decorators = getattr(node, "decorator_list", [])
        first = min([node.lineno, *(d.lineno for d in decorators)]) - 1
        pieces += ["".join(lines[start:first])]
        pieces += [formatted_piece("".join(lines[first : node.end_lineno]))]
        start = node.end_lineno
    return "".join([*pieces, *lines[start:]])


@pytest.mark.parametrize(
    ("space", "formatted"),
    [
        pytest.param(all_golden, formatted, id="all_golden"),
        pytest.param(
            every_combination, formatted_by_piece, id="whole", marks=EXHAUSTIVE
        ),
    ],
)
def test_space_is_black(space, formatted):
    """Black leaves every file alone, for every combination of options."""
    for spec, source in space():
        assert source == formatted(source), identify(spec)
        assert source.isascii()
        assert source.endswith("\n")


@pytest.mark.parametrize("formatted", [formatted, formatted_by_piece])
def test_black_can_fail(formatted):
    """A line that Black would change is found."""
    source = text(Spec())
    old = "    accepts_it = "
    assert old in source

    worse = source.replace(old, "    accepts_it= ")
    assert worse != formatted(worse)
    assert source == formatted(worse)


def test_templates_are_black(monkeypatch):
    """Every golden is rendered in Black's format, which formats changed files twice."""
    changed = []

    def format_source(source, mode):
        done = black.format_str(source, mode=mode)
        changed.extend(line for line in source.split("\n") if line not in done)
        changed.extend([done[:200]] * (done != source))
        return done

    monkeypatch.setattr(rendering, "format_source", format_source)
    for path, spec in {**golden_specs(), **golden_projects()}.items():
        render(spec, path.name)

    assert [] == changed


@pytest.mark.parametrize("length", [60, 79, 100, 120])
def test_line_length(length):
    """Black leaves a file alone that was made for another line length."""
    for style in ("functional", "sequential", "subclass"):
        spec = Spec(style=style, manual_loss=True, test_step=True, line_length=length)
        source = render(spec)[0].text

        formatted = black.format_str(source, mode=black.Mode(line_length=length))
        assert source == formatted


def lint(folder) -> list[str]:
    """Returns what ruff says about the files of a folder."""
    done = subprocess.run([*RUFF, str(folder)], capture_output=True, text=True)
    return [
        line for line in done.stdout.splitlines() if line.endswith(".py") or ":" in line
    ]


@SPACES
def test_space_is_lint_free(tmp_path, space):
    """Ruff finds nothing with E, F, I, UP, B and D, for every combination."""
    for number, (_, source) in enumerate(space()):
        (tmp_path / f"file_{number}.py").write_text(source, encoding="utf-8")

    assert lint(tmp_path) == []


@pytest.mark.parametrize(
    "mutation",
    [
        ("import inspect\n", "import inspect\nimport sys\n"),
        ('        """Trains the model', '        x = """Trains the model'),
        ("strict=True", ""),
        ("            training: Boolean, whether", "            # training: whether"),
    ],
)
def test_lint_can_fail(tmp_path, mutation):
    """Ruff sees an unused import, a lost docstring, a loose zip, a lost argument."""
    source = text(Spec(test_step=True))
    assert mutation[0] in source
    (tmp_path / "file.py").write_text(source.replace(*mutation), encoding="utf-8")

    assert lint(tmp_path) != []


def private_names(source: str) -> list[str]:
    """Lists attributes with a leading underscore, and imports from inside Keras."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and re.match(r"_(?!_)", node.attr):
            found.append(node.attr)
        if isinstance(node, ast.Attribute) and node.attr == "src":
            found.append("src")
        if isinstance(node, ast.ImportFrom):
            found.append(node.module)
    return found


@SPACES
def test_public_names_only(space):
    """No emitted file uses a private name of Keras, or imports a part of it."""
    for spec, source in space():
        # What a demo imports from other packages is theirs.
        ours = re.sub(r"    from (sklearn|matplotlib)\..* import .*\n", "", source)
        assert [] == private_names(ours), identify(spec)


@pytest.mark.parametrize(
    "line", ["self._loss_tracker", "keras.src.ops", "from keras import ops"]
)
def test_public_names_can_fail(line):
    """A private attribute, `keras.src` and an import from Keras are found."""
    assert private_names(line) != []


@SPACES
def test_imports_only_what_it_may(space):
    """The files import Keras, JAX and the standard library; demo and fusion NumPy.

    In the main block, the demo of a recipe imports what its `recipe.toml` says.
    """
    for spec, source in space():
        tree = ast.parse(source)
        allowed = {"jax", "keras", *sys.stdlib_module_names}
        allowed |= {"numpy"} if spec.demo or spec.fuse_steps else set()
        allowed |= {"optax"} if getattr(spec, "optax", False) else set()
        assert imported(tree.body) <= allowed, identify(spec)

        main = tree.body[-1].body if spec.demo else []
        names = {"scikit-learn": "sklearn"}
        needed = {names.get(name, name) for name in spec.about["needs"]}
        assert imported(main) == (needed if spec.demo else set()), identify(spec)


def imported(nodes) -> set[str]:
    """Returns the packages that the statements of a list import."""
    found = {
        alias.name for n in nodes if isinstance(n, ast.Import) for alias in n.names
    }
    found |= {n.module for n in nodes if isinstance(n, ast.ImportFrom)}
    return {name.split(".")[0] for name in found}


def body_lines(source: str) -> int:
    """Counts the lines of the class, without docstrings, comments and blank lines."""
    [node] = [n for n in ast.parse(source).body if isinstance(n, ast.ClassDef)]
    skipped = set()
    for inner in ast.walk(node):
        if isinstance(inner, ast.ClassDef | ast.FunctionDef) and ast.get_docstring(
            inner
        ):
            docstring = inner.body[0]
            skipped |= set(range(docstring.lineno, docstring.end_lineno + 1))
    lines = source.splitlines()
    return sum(
        1
        for number in range(node.lineno, node.end_lineno + 1)
        if number not in skipped
        and lines[number - 1].strip()
        and not lines[number - 1].strip().startswith("#")
    )


def test_class_length():
    """The class stays short, for length is a cost."""
    core = {*core_specs()}
    lengths = {s: body_lines(source) for s, source in all_golden() if s in core}

    assert lengths[Spec()] <= 78
    assert max(lengths.values()) <= 120


def test_file_length():
    """A file stays short enough to read: the plainest, the fullest, all others."""
    core = {*core_specs()}
    lengths = {s: source.count("\n") for s, source in all_golden() if s in core}

    for style in CHOICES["style"]:
        assert lengths[Spec(style=style)] <= 200
        assert (
            lengths[Spec(style=style)] < lengths[Spec(style=style, sample_weight=True)]
        )
    assert max(lengths.values()) <= 270


def first_class(source: str) -> tuple[list[type], str]:
    """Returns the types of the statements up to the first class, and its text."""
    tree = ast.parse(source).body
    before = list(itertools.takewhile(lambda n: not isinstance(n, ast.ClassDef), tree))
    kinds = [type(n) for n in before if not isinstance(n, ast.Import)]
    return kinds, ast.get_source_segment(source, tree[len(before)])


@pytest.mark.parametrize("style", CHOICES["style"])
def test_fusion_comes_after_the_class(style):
    """Fused steps add nothing but imports before the class, and nothing to it."""
    for fullest in (False, True):
        options = {option.name: fullest for option in core_options()}
        unfused, fused = (
            text(Spec(style=style, fuse_steps=fuse, **options))
            for fuse in (False, True)
        )

        assert first_class(fused) == first_class(unfused)


def test_fused_models_have_several_steps():
    """The model of a file with fused steps fuses them, and no other model does."""
    for spec, source in all_golden():
        assert spec.fuse_steps == ("steps_per_execution=16" in source), spec


def test_settings_that_take_all_memory_are_refused(tmp_path):
    """The error about a line of TOML that Black could not parse says what to do."""
    settings = tmp_path / "pyproject.toml"
    settings.write_text(f"[tool.black]\n{'a.' * 1001}a = 1\n", encoding="utf-8")

    with pytest.raises(ConfigError, match="more than 1000 dots") as caught:
        render(Spec(), str(tmp_path / "model.py"))

    assert "Split the line." == caught.value.hint
