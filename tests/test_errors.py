"""Proves that mistakes end in a clear message, and never reach the generated code."""

import ast
import builtins
import os
import re
import shutil
import subprocess
import symtable
import sys
from dataclasses import replace
from pathlib import Path

import black
import pytest
from click.testing import CliRunner
from matrix import CHOICES, GOLDEN, changing_options, identify, recipe_specs

from scaffold import (
    KscaffoldError,
    RenderedFile,
    Spec,
    module_source,
    notebook_text,
    render,
    rendering,
    template_errors,
    write,
)
from scaffold.cli import main
from scaffold.common_options import OPTIONS
from scaffold.errors import ConfigError, SpecError, TemplateError, WriteError
from scaffold.target_names import shadowing_modules


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Every test runs in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refused(*arguments):
    """Runs a command that must exit 2 and write nothing, and returns its message."""
    before = os.listdir(os.fsencode(os.getcwd()))
    result = CliRunner().invoke(main, arguments)

    assert 2 == result.exit_code, result.output
    assert isinstance(result.exception, SystemExit)
    assert "Traceback" not in result.output
    assert before == os.listdir(os.fsencode(os.getcwd()))
    return result.stderr


# Typing errors and wrong values.


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        (["nwe"], "'new'"),
        (["lists"], "'list'"),
        (["new", "--manual-metric"], "'--manual-metrics'"),
        (["new", "--compile-los"], "'--compile-loss'"),
        (["new", "--forse"], "'--force'"),
        (["new", "--task", "multi"], "multiclass"),
        (["new", "--style", "subclas"], "subclass"),
        (["new", "--recipe", "supervise"], "supervised"),
        (["new", "--recipe", "wgan"], r"wgan-gp\?"),
        (["new", "--recipe", "teacher"], "mean-teacher"),
        (["new", "--class", "Mine"], r"'--class-name'\?\n"),
        (["new", "--metrics", "mae"], r"'--metric'\?\n"),
        (["new", "--no-manual-loss"], r"'--compile-loss'\?\n"),
        (["new", "--no-line-length"], r"'--line-length'\?\n"),
        (["new", "--latent", "3"], "'--latent-size'"),
        (["update", "a.py", "--latent", "3"], "'--latent-size'"),
        (["custom.py"], "`kscaffold new custom.py`"),
        (["wgan-gp"], "`kscaffold new --recipe wgan-gp`"),
        (["new", "--target-version", "py31"], "py31"),
        (["new", "--loss", "meen_squared_error"], "mean_squared_error"),
        (["new", "--loss", "MeanSquareError"], "MeanSquaredError"),
        (["new", "--metric", "acuracy"], "accuracy"),
        (["new", "--loss", "focal"], "binary_focal_crossentropy or categorical_focal"),
    ],
    ids=lambda value: value[-1] if isinstance(value, list) else None,
)
def test_did_you_mean(arguments, meant):
    """A typo gets the word that was meant."""
    said = refused(*arguments)

    assert re.search(rf"Did you mean( one of:)?.*{meant}", said)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--loss", "nope"], "Keras has no loss 'nope'"),
        (["--metric", "nope"], "Keras has no metric 'nope'"),
        (["--metric", "Mean"], "Mean does not compare y_true with y_pred"),
        (["--metric", "mae", "--metric", "MAE"], "given twice"),
        (["--metric", "mae,mse"], "Repeat the option: --metric mae --metric mse."),
        (["--loss", "crossentropy"], "--task binary or --task multiclass"),
        (
            ["--metric", "pearson_correlation", "--sample-weight"],
            "does not accept sample weights",
        ),
        (["--loss", "sparse_categorical_crossentropy"], "--task multiclass"),
        (["--loss", "hinge"], "--task binary"),
        (["--loss", "ctc"], "--no-demo"),
        (["--metric", "accuracy"], "--task binary or --task multiclass"),
        (["--task", "binary", "--metric", "io_u"], "does not fit"),
        (["--line-length", "0"], "at least 1"),
        (["--line-length", "-5"], "at least 1"),
        (["--line-length", "x"], "not a valid integer"),
        (["--loss", ""], "Keras has no loss ''"),
        (["--metric", ""], "Keras has no metric ''"),
        (["--task", ""], "--task cannot be ''"),
        (["a.py", "b.py"], "unexpected extra argument"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_values(arguments, message):
    """An invalid value is refused, with what to do instead."""
    assert message in refused("new", *arguments)


@pytest.mark.parametrize(
    "target",
    [
        *("", "a.txt", ".py", "/", "--", "-x", "a-b"),
        *("3d", "class", "_a", "a_", "h\u00e9"),
        *("keras", "Keras", "tests", "scaffold", "scikit_learn", "json", "deep/numpy"),
        *("class.py", "3d-model.py", "my model.py", "a-b.py", "a.b.py", "\ufb01t.py"),
        *("'; x.py", 'a"b.py', '""" + 1 #.py', "$(x).py", "`.py"),
        *("keras.py", "jax.py", "numpy.py", "os.py", "inspect.py", "deep/json.py"),
        *("a\n.py", 'a".py\n', "a\0.py", "\udcff.py", "a\u202e.py", "a\x1b[1m.py"),
    ],
)
def test_targets(target):
    """A target that cannot be imported or printed is refused."""
    said = refused("new", "--", target)

    assert re.search("The target|A file|A package|name of a Python package", said)
    assert "The target" in said or "Hint: Name " in said
    with pytest.raises(SpecError):
        render(Spec(), target)


@pytest.mark.parametrize(
    ("target", "instead"),
    [
        ("class.py", "class_model.py"),
        ("3d-model.py", "model_3d.py"),
        ("nets/2.py", "nets/model_2.py"),
        ("my model.py", "my_model.py"),
        ("nets/json.py", "nets/my_json.py"),
        ("json-.py", "my_json.py"),
        ("class", "class_model"),
        ("3d-model", "model_3d"),
        ("net.PY", "net"),
        ("my.nets", "my_nets"),
    ],
)
def test_target_that_cannot_be_imported(target, instead):
    """A name that `import` cannot have is refused, with one that it can."""
    said = refused("new", target)

    assert re.search(f"Hint: Name (it|the project) {re.escape(instead)}[.,]", said)
    assert render(Spec(), instead)


def test_name_of_an_earlier_release(folder):
    """A file whose name is refused today still updates."""
    Path("class.py").write_text(render(Spec(), "a.py")[0].text, "utf-8")
    result = CliRunner().invoke(main, ["update", "class.py", "--no-demo"])

    assert 0 == result.exit_code, result.output
    assert "__main__" not in Path("class.py").read_text("utf-8")


def test_recipe_of_a_file_is_fixed(folder):
    """`update` refuses another recipe, and names the command that has it."""
    CliRunner().invoke(main, ["new", "a.py"])
    said = refused("update", "a.py", "--recipe", "gan")

    assert "Error: --recipe cannot change once a file is generated.\n" in said
    assert "Hint: Generate another file: kscaffold new FILE.py --recipe NAME\n" in said


def test_recipe_without_a_project():
    """The hint names the command for a module."""
    said = refused("new", "mine", "--recipe", "gan")

    assert "Hint: Write a module instead: kscaffold new FILE.py --recipe gan\n" in said


# Folders that exist.


def test_package_is_no_project(folder):
    """`new` never writes a project into a package, and suggests a module in it."""
    (folder / "mylib").mkdir()
    (folder / "mylib" / "__init__.py").touch()
    for flags in ([], ["--force"], ["--dry-run"], ["--diff"], ["--check"]):
        said = refused("new", "mylib", *flags)

        assert "Error: The folder mylib is already a Python package." in said
        assert "Hint: To add a model to it: kscaffold new mylib/model.py\n" in said
        assert ["__init__.py"] == os.listdir("mylib")
    assert 0 == CliRunner().invoke(main, ["new", "mylib/model.py"]).exit_code


def test_folder_with_other_files(folder):
    """`new` writes no project beside the user's files, unless forced to."""
    (folder / "mine").mkdir()
    (folder / "mine" / "notes.txt").write_text("mine\n")
    said = refused("new", "mine")

    assert "Error: The folder mine already has files, and is not a kscaffold" in said
    assert "kscaffold new mine/model.py" in said and "--force" in said
    assert ["notes.txt"] == os.listdir("mine")
    assert 0 == CliRunner().invoke(main, ["new", "mine", "--force"]).exit_code
    assert "mine\n" == (folder / "mine" / "notes.txt").read_text()


def test_pyproject_of_another_tool(folder):
    """A folder with a `pyproject.toml` of another tool is not a generated project."""
    (folder / "mine").mkdir()
    (folder / "mine" / "pyproject.toml").write_text("[tool.black]\n")

    assert "not a kscaffold project" in refused("new", "mine")


@pytest.mark.parametrize("hidden", [None, ".git"])
def test_empty_folder(folder, hidden):
    """An empty folder and a new repository take a project; then it is one."""
    (folder / "mine").mkdir()
    if hidden:
        (folder / "mine" / hidden).mkdir()

    assert 0 == CliRunner().invoke(main, ["new", "mine"]).exit_code
    assert 0 == CliRunner().invoke(main, ["new", "mine", "--check"]).exit_code
    assert "mine/pyproject.toml already exists" in refused("new", "mine")


def test_target_that_is_not_utf_8(folder):
    """A file name of other bytes, as a shell passes it, is refused."""
    import subprocess

    command = [sys.executable, "-m", "scaffold", "new", b"\xff.py"]
    result = subprocess.run(command, capture_output=True)

    assert 2 == result.returncode
    assert result.stderr.startswith(b"Error: The target '\\udcff.py'")
    assert [] == os.listdir(folder)


CLASS_NAMES = [
    *("", "1A", "a b", "a-b", "A.B", "class", "None", "True", "async"),
    *("keras", "jax", "os", "np", "inspect", "x", "model", "training_argument"),
    *("print", "super", "zip", "dict", "ValueError", "__name__", "__builtins__"),
    *("\ufb01t", "\u212bngstrom", "\uff2dodel", "𝐌odel", "k\u0065\u0301ras"),
]


@pytest.mark.parametrize("name", CLASS_NAMES)
def test_class_names(name):
    """A class name that is invalid, or shadows another name, is refused."""
    assert "--class-name" in refused("new", "--class-name", name)
    with pytest.raises(SpecError):
        render(Spec(class_name=name))


@pytest.mark.parametrize("name", ["MyModel", "_Model", "Модель", "Model2", "match"])
def test_good_class_names(name):
    """Other names are accepted, in any alphabet."""
    [file] = render(Spec(class_name=name))

    assert f"class {name}(keras.Model):" in file.text


INJECTIONS = [
    'x"""\nimport os\n"""',
    "A:\n    pass\nimport os\nclass B",
    "A(object): pass #",
    '"); print("',
    "mse\nimport os",
    "{{ 1 }}",
    "{% raw %}",
    "\\",
    "\udcff",
    "\0",
    "'; rm -rf / #",
    "mae\n",
]


@pytest.mark.parametrize("option", [o for o in OPTIONS if o.type is str])
@pytest.mark.parametrize("text", INJECTIONS)
def test_injections(option, text):
    """No text option carries code, quotes or new lines into the file."""
    refused("new", f"{option.flag}={text}")
    with pytest.raises(SpecError):
        Spec(**{option.name: (text,) if option.many else text})


@pytest.mark.parametrize("name", ["модель.py", "résumé.py", "_.py", "match.py"])
def test_target_in_the_header(folder, name):
    """A target of any alphabet stays in its comment, quoted for a shell."""
    import shlex

    result = CliRunner().invoke(main, ["new", "--", name])
    text = (folder / name).read_text("utf-8")
    header = text.split("\n")[0]

    assert 0 == result.exit_code
    assert name in shlex.split(header.split(": ", 1)[1].removesuffix("  # noqa: E501"))
    assert ast.dump(ast.parse(render(Spec())[0].text)) == ast.dump(ast.parse(text))


# The Python API.


@pytest.mark.parametrize(
    "values",
    [
        {"style": 1},
        {"task": None},
        {"recipe": "nope"},
        {"loss": 1},
        {"loss": "nope"},
        {"loss": "hinge"},
        {"metric": ("nope",)},
        {"metric": "mae"},
        {"metric": ["mae"]},
        {"metric": (1,)},
        {"manual_loss": 1},
        {"manual_loss": None},
        {"demo": "yes"},
        {"line_length": "88"},
        {"line_length": True},
        {"line_length": 8.0},
        {"class_name": None},
        {"target_version": ("py999",)},
    ],
    ids=str,
)
def test_spec_is_as_strict(values):
    """`Spec` refuses values that the command line cannot pass."""
    with pytest.raises(SpecError):
        Spec(**values)


def test_errors_are_one_family(folder):
    """Every error has a message, a hint and the exit code 2."""
    (folder / "a.py").write_text("mine\n")
    for kind in (SpecError, ConfigError, TemplateError, WriteError):
        assert issubclass(kind, KscaffoldError)
    with pytest.raises(KscaffoldError) as caught:
        write([RenderedFile(Path("a.py"), "x\n")])

    assert 2 == caught.value.exit_code
    assert "a.py already exists." == caught.value.message
    assert f"{caught.value.message} {caught.value.hint}" == str(caught.value)
    assert caught.value.hint


# [tool.black].


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"[tool.black\nx", "Expected"),
        (b"\xff", "decode"),
        (b"tool = 3", "int"),
        (b"[tool]\nblack = 3", "int"),
        (b"[tool.black]\nline-length = 'x'", "--line-length"),
        (b"[tool.black]\ntarget-version = 'py311'", "target-version"),
        (b"[tool.black]\ntarget-version = ['py2']", "'py2'"),
        (b"[tool.black]\npreview = 'perhaps'", "--preview"),
        (b"[tool.black]\nenable-unstable-feature = ['nope']", "nope"),
    ],
    ids=str,
)
def test_broken_settings(folder, content, reason):
    """Settings that Black refuses are an error that names the file and the reason."""
    (folder / "deep" / "er").mkdir(parents=True)
    (folder / "deep" / "pyproject.toml").write_bytes(content)
    said = refused("new", "deep/er/a.py")

    assert f"Error: Black cannot use {folder / 'deep' / 'pyproject.toml'}: " in said
    assert reason in said
    assert 0 == CliRunner().invoke(main, ["new", "a.py"]).exit_code


def test_required_version(folder):
    """Another Black than the required one is an error that names both."""
    settings = folder / "pyproject.toml"
    settings.write_text("[tool.black]\nrequired-version = '22.1.0'\n")
    said = refused("new")

    assert f"{settings} requires Black 22.1.0" in said and black.__version__ in said


@pytest.mark.parametrize("version", [black.__version__, black.__version__[:2]])
def test_installed_version(folder, version):
    """The installed Black satisfies its version and its major version."""
    settings = folder / "pyproject.toml"
    settings.write_text(f"[tool.black]\nrequired-version = '{version}'\n")

    assert 0 == CliRunner().invoke(main, ["new"]).exit_code


# Templates.


@pytest.fixture
def templates(tmp_path_factory, monkeypatch):
    """A copy of the templates, to be broken."""
    copy = tmp_path_factory.mktemp("broken") / "templates"
    shutil.copytree(rendering.TEMPLATES, copy)
    for module in (rendering, module_source, notebook_text, template_errors):
        monkeypatch.setattr(module, "TEMPLATES", str(copy))
    return copy


MODEL = "recipes/supervised/model.py.jinja"
MANUAL = "recipes/supervised/loss/manual.py.jinja"


@pytest.mark.parametrize(
    ("template", "line", "reason"),
    [
        (MODEL, "{{ nope }}", "'nope' is undefined"),
        (MODEL, "{{ spec.nope }}", "no attribute 'nope'"),
        (MODEL, "{% if %}", "Expected an expression"),
        (MODEL, "{{ 1 / 0 }}", "division by zero"),
        (MODEL, '{% include "nope.jinja" %}', "nope.jinja"),
        (MANUAL, "{{ nope }}", "'nope' is undefined"),
        (MANUAL, "{% nope %}", "unknown tag 'nope'"),
        ("module.py.jinja", "{{ nope }}", "'nope' is undefined"),
    ],
)
def test_broken_templates(templates, template, line, reason):
    """An error in a template names it, the line, its text and the options."""
    path = templates / template
    lines = path.read_text("utf-8").splitlines()
    place = max(
        i for i, old in enumerate(lines) if old.startswith(("{% macro", "if os."))
    )
    lines.insert(place + 1, line)
    path.write_text("\n".join(lines), "utf-8")
    said = refused("new", "--manual-loss", "--class-name", "Mine")

    assert f"Error: {template}:{place + 2}: " in said
    assert reason in said
    assert f"\n    {line}\n" in said
    assert "Hint: The options in force: --manual-loss --class-name Mine\n" in said


@pytest.mark.parametrize("template", [MODEL, "module.py.jinja"])
def test_templates_that_are_not_python(templates, template):
    """Rendered text that is not Python is an error that quotes the line."""
    path = templates / template
    path.write_text(path.read_text("utf-8") + "\nthis line is no Python\n", "utf-8")
    said = refused("new", "--manual-loss")

    assert "this line is no Python" in said
    assert "The options in force: --manual-loss" in said
    assert template == "module.py.jinja" or template in said


def test_missing_template(templates):
    """The error about a missing template names it."""
    (templates / "recipes/supervised/loss/manual.py.jinja").unlink()

    assert "recipes/supervised/loss/manual.py.jinja" in refused("new", "--manual-loss")


# Names.


def global_names(text: str) -> set[str]:
    """Returns the global names that a module binds or reads."""

    def of(table):
        top = table.get_type() == "module"
        found = {s.get_name() for s in table.get_symbols() if top or s.is_global()}
        return found.union(*(of(child) for child in table.get_children()))

    return of(symtable.symtable(text, "generated", "exec"))


def fullest_specs() -> list:
    """Lists specs whose files use every name, in every recipe."""
    flags = {option.name: True for option in changing_options()}
    specs = [Spec(style=style, **flags) for style in CHOICES["style"]]
    rest = [pytest.param(s, marks=pytest.mark.exhaustive) for s in recipe_specs()]
    return [*specs, Spec(), *rest]


@pytest.mark.parametrize("spec", fullest_specs(), ids=identify)
def test_names_that_the_code_has(spec):
    """A class name that the module uses as a global name is refused."""
    text = module_source.module_source(replace(spec, class_name="Zzz"), "a.py")
    used = global_names(text) - set(dir(builtins))

    assert {"keras", "jax", "os", "np", "Zzz"} <= used
    for name in used - {"Zzz"}:
        with pytest.raises(SpecError, match="would shadow a name that the code uses"):
            render(replace(spec, class_name=name))
    assert render(replace(spec, class_name="Zzz"))


@pytest.mark.exhaustive
def test_names_that_a_project_has():
    """A class name that the training module of a project uses is refused."""
    files = render(Spec(class_name="Zzz"), "my_project")
    [train] = [file.text for file in files if file.path.name == "train.py"]
    used = global_names(train) - set(dir(builtins))

    assert {"build_model", "keras", "Zzz"} <= used
    for name in used - {"Zzz", "__spec__", "__name__", "__doc__"}:
        with pytest.raises(SpecError, match="would shadow a name that the code uses"):
            render(Spec(class_name=name), "my_project")


def test_version_that_black_does_not_know(monkeypatch):
    """An older Black knows fewer versions of Python. The error names the option."""
    [option] = [p for p in black.main.params if p.name == "target_version"]
    monkeypatch.setattr(option.type, "choices", ("py311", "py312"))

    said = refused("new", "--target-version", "py311", "--target-version", "py315")

    assert "does not know all of these versions: py311, py315" in said
    assert "install a newer Black" in said


def test_whatever_a_file_imports_may_not_be_its_name(tmp_path):
    """A module that a golden imports, or tries to import, is refused as a target."""
    code = f"""
import runpy, sys
class Watch:
    def find_spec(self, name, path=None, target=None):
        print("tried", name.partition(".")[0])
sys.meta_path.insert(0, Watch())
runpy.run_path({str(GOLDEN / "supervised/functional/plain.py")!r}, run_name="__main__")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    tried = set(re.findall("^tried ([a-zA-Z]\\w*)$", done.stdout, re.MULTILINE))

    assert {"keras", "jax", "numpy"} < tried
    assert tried <= shadowing_modules()


# Messages.


def test_message_about_a_required_version(folder):
    """A hint quotes what a file says, so that it runs no other command."""
    settings = "[tool.black]\nrequired-version = \"1'; touch PWNED; echo '\"\n"
    (folder / "pyproject.toml").write_text(settings)
    hint = refused("new", "a.py").split("Run: ")[1]
    subprocess.run(["bash", "-c", hint.replace("pip", "true")], check=True)

    assert ["pyproject.toml"] == os.listdir(folder)


def test_terminal_codes(folder):
    """What a file says is printed without the codes that a terminal obeys."""
    settings = '[tool.black]\nrequired-version = "\\u001b]0;PWNED\\u0007"\n'
    (folder / "pyproject.toml").write_text(settings)
    said = refused("new", "a.py")

    assert "\x1b" not in said and "\\x1b]0;PWNED\\x07" in said


@pytest.mark.parametrize("length", ["0", "-5"])
def test_line_length_in_the_settings(length, folder):
    """A line length that no record can have is refused when a file is generated."""
    (folder / "pyproject.toml").write_text(f"[tool.black]\nline-length = {length}\n")

    assert f"sets the line length {length}." in refused("new", "a.py")


@pytest.mark.parametrize("verb", ["new", "update", "check"])
def test_empty_path(verb, folder):
    """An empty path, as an unset variable is, does not mean the current folder."""
    refused(verb, "")


def test_null_byte(folder):
    """A null byte is named. Git would call the file binary."""
    CliRunner().invoke(main, ["new", "a.py"])
    path = Path("a.py")
    path.write_text(path.read_text().replace("# ", "# \0", 3))

    assert "a.py has a null byte." in refused("update", "a.py", "--test-step")
