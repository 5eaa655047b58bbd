"""Proves that each command does what it promises and prints to the right stream."""

import errno
import json
import os
import pty
import re
import shlex
import subprocess
import sys
from pathlib import Path

import black
import click
import jsonschema
import pytest
from click.testing import CliRunner
from hypothesis import event, given, settings
from hypothesis import strategies as st
from matrix import text

import scaffold
from scaffold import Spec, option_tables, render
from scaffold.cli import main
from scaffold.common_options import OPTIONS
from scaffold.formatting import black_mode
from scaffold.keras_losses import LOSSES
from scaffold.keras_metrics import METRICS
from scaffold.recipes import recipe_names

COMMAND = [sys.executable, "-m", "scaffold"]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Every test runs in an empty folder."""
    monkeypatch.chdir(tmp_path)
    # Buffered, as for users, so that errors of the last flush at exit show up too.
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)
    return tmp_path


def invoke(*arguments):
    """Runs a command in this process."""
    return CliRunner().invoke(main, arguments)


def run(*arguments, python=(), **settings):
    """Runs a command in a child process."""
    command = [sys.executable, *python, "-m", "scaffold", *arguments]
    return subprocess.run(command, capture_output=True, **settings)


# Files that `new` writes.


def test_new(folder):
    """`new` writes `custom_model.py` and says what to type next."""
    result = invoke("new")

    assert 0 == result.exit_code
    assert "" == result.stdout
    assert "Wrote custom_model.py\nTrain it: python custom_model.py\n" == result.stderr
    assert render(Spec())[0].text == (folder / "custom_model.py").read_text("utf-8")


@pytest.mark.parametrize("recipe", recipe_names())
def test_file_is_named_after_the_recipe(folder, recipe):
    """Without a target, the file is named after the recipe, and hides no module."""
    name = f"{recipe.replace('-', '_')}.py"
    name = "custom_model.py" if recipe == "supervised" else name
    result = invoke("new", "--recipe", recipe)

    assert 0 == result.exit_code
    assert [name] == os.listdir(folder)
    assert f"Wrote {name}\n" in result.stderr
    assert Path(name) == render(Spec(recipe=recipe))[0].path


def test_next_command_is_quoted():
    """The next command is quoted for a shell. There is none without a demo."""
    assert "Train it: python 'my nets/a.py'" in invoke("new", "my nets/a.py").stderr
    assert "Wrote a.py\n" == invoke("new", "a.py", "--no-demo").stderr


def test_new_twice(folder):
    """A file that exists is refused and unchanged. `--force` overwrites it."""
    (folder / "a.py").write_text("mine\n")
    refused = invoke("new", "a.py")

    assert 2 == refused.exit_code
    assert "Error: a.py already exists." in refused.stderr
    assert "Hint: --diff shows what would change, --force overwrites." in refused.stderr
    assert "mine\n" == (folder / "a.py").read_text()

    assert 0 == invoke("new", "a.py", "--force").exit_code
    assert render(Spec(), "a.py")[0].text == (folder / "a.py").read_text("utf-8")


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)
def test_every_option_reaches_the_spec(option):
    """Every option of `Spec` is a flag, with the same effect as in Python."""
    value = {bool: not option.default, int: 60, str: "Other"}[option.type]
    value = option.choices[-1] if option.choices else value
    value = {"loss": "mae", "metric": "mse"}.get(option.name, value)
    spec = Spec(**{option.name: (value,) if option.many else value})
    result = invoke("new", "a.py", "--json", *spec.arguments())

    options = json.loads(result.stdout)["options"]
    assert value == (options[option.name][0] if option.many else options[option.name])
    assert render(spec, "a.py")[0].text == Path("a.py").read_text("utf-8")


@pytest.mark.parametrize("option", [o for o in OPTIONS if o.type is bool])
def test_booleans_have_two_flags(option):
    """A boolean has two flags, and the last one counts."""
    flags = [option.flag, option.off_flag]
    for expected, order in ((False, flags), (True, flags[::-1])):
        result = invoke("new", "-", "--json", *order)

        assert expected == json.loads(result.stdout)["options"][option.name]


def test_help_shows_every_option():
    """The help names each option, its choices and its default."""
    shown = " ".join(invoke("new", "--help").stdout.split())

    for option in OPTIONS:
        assert option.flag in shown
        assert option.help.split(";")[0] in shown
        if isinstance(option.default, str):
            assert f"[default: {option.default}]" in shown
    assert "custom_model.py" in shown


# Flags that write nothing: --dry-run, --diff, --check.


def test_dry_run(folder):
    """`--dry-run` lists the file and writes nothing."""
    result = invoke("new", "a/b.py", "--dry-run")

    assert (0, "", "Would write a/b.py\n") == (
        result.exit_code,
        result.stdout,
        result.stderr,
    )
    assert [] == os.listdir(folder)


def test_dry_run_refuses_as_the_run_would(folder):
    """`--dry-run` exits with the same status as a real run, also with `--force`."""
    (folder / "a.py").write_text("mine\n")
    dry, real = invoke("new", "a.py", "--dry-run"), invoke("new", "a.py")

    assert 2 == dry.exit_code == real.exit_code
    assert real.stderr == dry.stderr
    assert 0 == invoke("new", "a.py", "--dry-run", "--force").exit_code
    assert "mine\n" == (folder / "a.py").read_text()


def test_diff(folder):
    """`--diff` shows the change on standard output and writes nothing."""
    invoke("new", "a.py")
    before = (folder / "a.py").read_bytes()
    result = invoke("new", "a.py", "--diff", "--manual-loss", "--force")

    assert 0 == result.exit_code
    assert result.stdout.startswith("--- a/a.py\n+++ b/a.py\n@@ ")
    assert "\n+        self.loss_fn = " in result.stdout
    assert "a.py would change\n" == result.stderr
    assert before == (folder / "a.py").read_bytes()


def test_diff_of_a_missing_file(folder):
    """`--diff` shows the whole file if it does not exist."""
    result = invoke("new", "a.py", "--diff")

    assert 0 == result.exit_code
    assert result.stdout.startswith("--- /dev/null\n+++ b/a.py\n")
    assert len(render(Spec())[0].text.splitlines()) + 3 == result.stdout.count("\n")
    assert [] == os.listdir(folder)


def test_diff_of_other_bytes(folder):
    """`--diff` prints bytes that are not UTF-8 unchanged."""
    (folder / "a.py").write_bytes(b"\xff\r\n")
    result = run("new", "a.py", "--diff")

    assert 0 == result.returncode
    assert b"\n-\xff\r\n" in result.stdout


def test_check(folder):
    """`--check` exits 0 if nothing would change, 1 if something would, 2 on errors."""
    missing = invoke("new", "a.py", "--check")
    invoke("new", "a.py")
    same = invoke("new", "a.py", "--check")
    differs = invoke("new", "a.py", "--check", "--no-demo")
    os.mkdir("folder.py")
    error = invoke("new", "folder.py", "--check")

    assert [1, 0, 1, 2] == [r.exit_code for r in (missing, same, differs, error)]
    assert "a.py does not exist\n" == missing.stderr
    assert "a.py would not change\n" == same.stderr
    assert "a.py would change\n" == differs.stderr
    assert "folder.py is a folder" in error.stderr
    assert "" == differs.stdout


def test_check_sees_line_ends(folder):
    """A file with other line ends is a different file."""
    invoke("new", "a.py")
    text = (folder / "a.py").read_bytes()
    (folder / "a.py").write_bytes(text.replace(b"\n", b"\r\n"))

    assert 1 == invoke("new", "a.py", "--check").exit_code


def test_check_and_diff():
    """`--check --diff` exits 1 and shows the change."""
    result = invoke("new", "a.py", "--check", "--diff")

    assert 1 == result.exit_code
    assert result.stdout.startswith("--- /dev/null")


# --view.


def view(*arguments):
    """Runs `new` with `--view`, which must leave no file."""
    before = sorted(os.listdir())
    result = invoke("new", *arguments)
    assert before == sorted(os.listdir())
    return result


def test_view():
    """`--view` prints one file of a project or a module, as it would be written."""
    files = {str(file.path): file.text for file in render(Spec(task="binary"), "mine")}
    for path in (
        "mine/model.py",
        "mine/mine/model.py",
        "./README.md",
        "pyproject.toml",
    ):
        result = view("mine", "--task", "binary", "--view", path)

        whole = path if path.startswith("mine/mine") else os.path.join("mine", path)
        assert (0, files[os.path.normpath(whole)]) == (result.exit_code, result.stdout)
        assert "" == result.stderr
    for path in ("gan.py", "nets/gan.py"):
        result = view("nets/gan.py", "--recipe", "gan", "--view", path)
        assert text(Spec(recipe="gan"), "gan.py") == result.stdout
    assert text(Spec()) == view("--view", "custom_model.py").stdout


def test_view_ignores_what_exists(folder):
    """`--view` writes nothing, so it does not mind files of the same name."""
    (folder / "mine").mkdir()
    (folder / "mine" / "data.csv").touch()
    (folder / "a.py").write_text("mine\n")

    assert view("mine", "--view", "README.md").stdout.startswith("# mine")
    assert text(Spec(), "a.py") == view("a.py", "--view", "a.py").stdout


def test_view_as_json():
    """With `--json`, the file is an entry with its text."""
    data = json.loads(view("mine", "--view", ".gitignore", "--json").stdout)

    [entry] = data["files"]
    assert ("mine/.gitignore", "printed") == (entry["path"], entry["status"])
    assert render(Spec(), "mine")[0].text != entry["text"] != ""


@pytest.mark.parametrize(
    ("target", "path", "hint"),
    [
        ("mine", "model.py", "Did you mean mine/model.py or "),
        ("mine", "mine/trian.py", "Did you mean mine/train.py?"),
        ("mine", "../mine/README.md", "Did you mean README.md?"),
        ("mine", "/etc/passwd", "Choose from "),
        ("mine", "", "Choose from "),
        ("a.py", "b.py", "a.py"),
    ],
)
def test_view_of_another_file(target, path, hint):
    """A file that the target does not have is an error with the nearest ones."""
    result = view(target, "--view", path)

    assert (2, "") == (result.exit_code, result.stdout)
    assert f"Error: {target} has no file {path!r}." in result.stderr
    assert hint in result.stderr


# --json.


def test_json_of_a_file(folder):
    """`--json` describes what was written."""
    result = invoke("new", "a.py", "--json", "--metric", "mse")
    data = json.loads(result.stdout)

    assert scaffold.__version__ == data["version"]
    assert "a.py" == data["target"]
    assert "kscaffold new a.py --metric mse" == data["command"]
    assert [option.name for option in OPTIONS] == list(data["options"])
    assert [{"path": "a.py", "status": "written"}] == data["files"]
    assert (folder / "a.py").exists()


def test_json_of_standard_output():
    """With `-`, the JSON has the text."""
    data = json.loads(invoke("new", "-", "--json").stdout)

    assert render(Spec(), "-")[0].text == data["files"][0]["text"]


def test_json_of_a_check():
    """With `--check --diff`, the JSON has the status and the diff."""
    result = invoke("new", "a.py", "--json", "--check", "--diff")
    [entry] = json.loads(result.stdout)["files"]

    assert 1 == result.exit_code
    assert "missing" == entry["status"]
    assert entry["diff"].startswith("--- /dev/null")


@pytest.mark.parametrize(
    "arguments",
    [["--loss", "nope"], ["--nope"], ["--task", "nope"], ["--line-length", "x"]],
    ids=" ".join,
)
def test_json_of_an_error(arguments):
    """An error is printed as JSON to standard output and as text to standard error."""
    result = invoke("new", "a.py", "--json", *arguments)
    error = json.loads(result.stdout)["error"]

    assert 2 == result.exit_code
    assert {"code", "message", "hint"} == set(error)
    assert f"Error: {error['message']}" in result.stderr
    assert error["hint"] and error["hint"] in result.stderr


@pytest.mark.parametrize(
    ("arguments", "command"),
    [
        ("nwe --json", "kscaffold"),
        ("new a.py b.py --json", "kscaffold new"),
        ("new --tset-step --json", "kscaffold new"),
        ("update --json", "kscaffold update"),
        ("verify --json", "kscaffold verify"),
        ("verify a.py --jobs x --json", "kscaffold verify"),
    ],
)
def test_json_hint_of_a_usage_error(arguments, command):
    """The hint about wrong arguments names the help of the command."""
    error = json.loads(invoke(*arguments.split()).stdout)["error"]

    assert f"Try '{command} --help' for help." == error["hint"]


# Standard output.


@pytest.mark.parametrize("locale", ["C", "POSIX", "C.UTF-8", "de_DE.ISO-8859-1"])
def test_standard_output_is_utf_8(locale):
    """`-` prints UTF-8 with line feeds, whatever the locale and its encoding."""
    environ = {**os.environ, "LC_ALL": locale, "PYTHONIOENCODING": "latin-1"}
    result = run("new", "-", "--class-name", "Модель", env=environ)

    assert b"" == result.stderr
    expected = render(Spec(class_name="Модель"), "-")[0].text
    assert expected.encode("utf-8") == result.stdout


@pytest.mark.parametrize("flag", ["--dry-run", "--diff", "--check", "--force"])
def test_flags_for_files(flag):
    """Flags for files are a usage error with `-`."""
    result = invoke("new", "-", flag)

    assert 2 == result.exit_code
    assert result.stderr.startswith("Usage: ")
    assert "" == result.stdout


PRINTING = [
    ["new", "-"],
    ["new", "-", "--json"],
    ["new", "a.py", "--diff"],
    ["new", "--help"],
    ["list"],
    ["list", "--json"],
    ["info"],
    ["skill"],
    ["--help"],
    ["--version"],
]


@pytest.mark.parametrize("arguments", PRINTING, ids=" ".join)
def test_closed_pipe(arguments):
    """A closed pipe ends the command without a message."""
    reading, writing = os.pipe()
    os.close(reading)
    command = [*COMMAND, *arguments]
    result = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True)
    os.close(writing)

    assert result.returncode in (0, 1)
    assert result.stderr in ("", "a.py does not exist\n")


@pytest.mark.parametrize("arguments", PRINTING, ids=" ".join)
def test_closed_standard_output(arguments):
    """A closed standard output (`>&-`) ends the command without a message."""
    script = 'exec "$@" >&-'
    command = ["bash", "-c", script, "-", *COMMAND, *arguments]
    result = subprocess.run(command, stderr=subprocess.PIPE, text=True)

    assert result.returncode in (0, 1)
    assert "" == result.stderr


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
@pytest.mark.parametrize("arguments", PRINTING, ids=" ".join)
def test_full_standard_output(arguments):
    """A full disk behind standard output is an error without a traceback."""
    with open("/dev/full", "w") as full:
        command = [*COMMAND, *arguments]
        result = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)

    assert 2 == result.returncode
    expected = f"Error: Standard output: {os.strerror(errno.ENOSPC)}\n"
    assert expected == result.stderr


@pytest.mark.parametrize("arguments", [["new"], ["check", "."], ["verify", "a.py"]])
def test_folder_that_is_gone(arguments, folder):
    """A working folder that was deleted is an error, not a traceback."""
    script = 'mkdir gone && cd gone && rmdir ../gone && exec "$@"'
    command = ["bash", "-c", script, "-", *COMMAND, *arguments]
    result = subprocess.run(command, stderr=subprocess.PIPE, text=True)

    assert 2 == result.returncode
    assert result.stderr.startswith("Error: The current folder cannot be used: No such")


@pytest.mark.parametrize("output", [">/dev/full", ">&-", "2>/dev/full", "2>&-"])
@pytest.mark.parametrize("as_json", [[], ["--json"]], ids=["text", "JSON"])
def test_files_are_written_but_not_the_report(output, as_json, folder):
    """The exit status says what happened to the files, not to the report."""

    def run(*arguments):
        command = ["bash", "-c", f'exec "$@" {output}', "-", *COMMAND, *arguments]
        return subprocess.run([*command, *as_json], capture_output=True, text=True)

    done = run("new", "a.py")
    assert 0 == done.returncode, done.stderr
    assert text(Spec(), "a.py") == Path("a.py").read_text()
    done = run("update", "a.py", "--test-step")
    assert 0 == done.returncode, done.stderr
    assert text(Spec(test_step=True), "a.py") == Path("a.py").read_text()
    if as_json and output.startswith(">"):
        assert "but the result cannot be printed: " in done.stderr
    assert 2 == run("new", "a.py").returncode


STRANGE = ["a.py/", "./a.py", "-x/a.py", "my models/a.py", "it's/a.py"]
#: Names that `new` refuses, but a file can be renamed to.
STRANGER = ["n\nl.py", "t\tb.py", "\udcfe.py", "\udcff d/b.py", "\\ '.py"]


@pytest.mark.parametrize("target", [*STRANGE, "-x/mine", "my models/mine"])
def test_printed_commands_run(target, folder):
    """The command that `new` prints runs as it is printed."""
    said = invoke("new", "--", target).stderr
    [command] = re.findall("Train it: (.*)", said)
    script = Path(target, "mine/train.py") if "mine" in target else Path(target)
    script.write_text("print('trained')")
    command = command.replace("pip install", "true").replace("python", sys.executable)
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True)

    assert (0, "trained\n") == (done.returncode, done.stdout), done.stderr


@pytest.mark.parametrize("target", STRANGE + STRANGER, ids=ascii)
def test_printed_updates_run(target, folder):
    """The command that `check` prints runs as it is printed."""
    earlier = Path(__file__).parent / "earlier" / "release_0_2_0_functional_plain.py"
    Path(target).parent.mkdir(exist_ok=True)
    Path(target).write_bytes(earlier.read_bytes())
    said = invoke("check", ".").stderr
    [command] = re.findall("would change: kscaffold (.*)", said)
    command = f"{shlex.join(COMMAND)} {command}"

    assert 0 == subprocess.run(["bash", "-c", command]).returncode
    assert 0 == invoke("check", ".").exit_code


LONG = "a" * 300


@pytest.mark.parametrize("target", [LONG, f"{LONG}.py", f"{LONG}/a.py"])
@pytest.mark.parametrize(
    "words",
    [
        *(["new"], ["new", "--diff"], ["new", "--check"], ["new", "--force"]),
        *(["update"], ["check"], ["verify"], ["update", "--diff"]),
    ],
    ids=" ".join,
)
def test_name_that_is_too_long(words, target, folder):
    """A name that is too long is an error about that name, and writes nothing."""
    verb, *flags = words
    result = invoke(verb, *flags, target)

    assert 2 == result.exit_code
    assert "File name too long." in result.stderr
    assert "Use a shorter name." in result.stderr and "Black" not in result.stderr
    assert [] == os.listdir(folder)


# -i.


def converse(arguments, answers):
    """Runs a command with a terminal as its input. Returns its status and output."""
    ours, terminal = pty.openpty()
    os.write(ours, answers.encode())
    command = [*COMMAND, "new", *arguments]
    try:
        result = subprocess.run(
            command, stdin=terminal, capture_output=True, text=True, timeout=30
        )
    finally:
        os.close(ours)
        os.close(terminal)
    return result.returncode, result.stdout, result.stderr


def test_interactive():
    """`-i` asks on standard error for options that are not on the command line."""
    given = ["-i", "-", "--style", "subclass"]
    answers = {option.name: "" for option in OPTIONS if option.name != "style"}
    answers |= {"task": "nope\nbinary", "metric": "auc, precision", "manual_loss": "y"}
    answers |= {"line_length": "many\n60", "demo": "n"}
    code, stdout, stderr = converse(given, "\n".join(answers.values()) + "\n")

    spec = Spec(
        style="subclass",
        task="binary",
        metric=("auc", "precision"),
        manual_loss=True,
        line_length=60,
        demo=False,
    )
    assert (0, render(spec, "-")[0].text) == (code, stdout)
    assert "'nope' is not one of" in stderr and "Base class" not in stderr


def test_interactive_keeps_the_answers():
    """When the answers do not fit together, they are the defaults of the next round."""
    first = ["", "", "", "nope", *[""] * (len(OPTIONS) - 4)]
    second = ["", "", "", "mae", *[""] * (len(OPTIONS) - 4)]
    first[-3] = "n"
    code, stdout, stderr = converse(["-i", "-"], "\n".join(first + second) + "\n")

    assert (0, render(Spec(loss="mae", demo=False), "-")[0].text) == (code, stdout)
    assert "Error: Keras has no loss 'nope'" in stderr


def test_interactive_takes_an_answer_back():
    """In the next round, `-` removes an answer that was refused."""
    rest = [""] * (len(OPTIONS) - 5)
    first, second = ["", "", "", "nope", "mae, nope"], ["", "", "", "-", "-"]
    answers = [*first, *rest, *second, *rest]
    code, stdout, stderr = converse(["-i", "-"], "\n".join(answers) + "\n")

    assert (0, render(Spec(), "-")[0].text) == (code, stdout)
    assert "(- for none) [nope]" in stderr


def test_interactive_asks_for_what_was_wrong():
    """If an option on the command line is refused, `-i` asks for it."""
    first, second = ["" for _ in OPTIONS[1:]], ["" for _ in OPTIONS]
    second[3] = "mae"
    given = ["-i", "-", "--loss", "nope"]
    code, stdout, _ = converse(given, "\n".join(first + second) + "\n")

    assert (0, render(Spec(loss="mae"), "-")[0].text) == (code, stdout)


def test_interactive_asks_for_the_file(folder):
    """Without a target, `-i` asks for the file until it can be written."""
    (folder / "mine.py").write_text("mine\n")
    answers = ["", "mine.py", "class.py", "nets/net.py", *("" for _ in OPTIONS[1:])]
    code, stdout, stderr = converse(["-i"], "\n".join(answers) + "\n")

    assert (0, "") == (code, stdout)
    assert "Error: mine.py already exists." in stderr
    assert "Name it class_model.py." in stderr
    assert "Wrote nets/net.py\n" in stderr
    assert "mine\n" == (folder / "mine.py").read_text()


def test_interactive_default_file(folder):
    """The default file of `-i` is named after the recipe."""
    given = ["-i", "--recipe", "vae"]
    code, _, stderr = converse(given, "\n" * 20)

    assert 0 == code
    assert "target [vae.py]: " in stderr
    assert ["vae.py"] == os.listdir(folder)


def test_interactive_without_a_terminal(folder):
    """`-i` without a terminal is an error."""
    result = run("new", "-i", stdin=subprocess.DEVNULL, text=True)

    assert 2 == result.returncode
    assert "not a terminal" in result.stderr
    assert [] == os.listdir(folder)


def test_interactive_looks_first(folder):
    """`-i` refuses a file that exists before the first question."""
    (folder / "a.py").write_text("mine\n")
    code, _, stderr = converse(["-i", "a.py"], "")

    assert 2 == code
    assert stderr.startswith("Error: a.py already exists.")


# list.


def test_list():
    """`list` shows each recipe and each option."""
    shown = invoke("list").stdout

    assert "supervised" in shown
    for option in OPTIONS:
        assert option.flag in shown


def test_list_json():
    """Each option in `list --json` is a JSON schema of what `Spec` accepts."""
    data = json.loads(invoke("list", "--json").stdout)
    validator = jsonschema.Draft202012Validator

    assert {"$schema", "version", "recipes", "options"} == set(data)
    assert scaffold.__version__ == data["version"]
    assert {"name", "title", "summary", "references"} <= set(data["recipes"][0])
    for option, schema in zip(OPTIONS, data["options"], strict=True):
        validator.check_schema(schema)
        assert validator(schema).is_valid(schema["default"])
        wrong = {bool: 1, int: "x", str: 1}[option.type]
        for value in ([wrong], wrong):
            assert not validator(schema).is_valid(value)
        for choice in option.choices:
            assert validator(schema).is_valid([choice] if option.many else choice)
        if option.choices:
            assert not validator(schema).is_valid(["x"] if option.many else "x")


def test_markdown_table():
    """The Markdown table has a row of three cells for each option."""
    rows = option_tables.markdown_table().splitlines()

    assert len(OPTIONS) + 2 == len(rows)
    assert all(4 == row.count("|") for row in rows)
    assert [o.flag in row for o, row in zip(OPTIONS, rows[2:], strict=True)]


# Start-up.


def modules_of(*arguments) -> set[str]:
    """Returns the modules that a command imports."""
    report = run(*arguments, python=["-X", "importtime"], text=True).stderr
    return set(re.findall(r"^import time:.*\| +(\S+)$", report, re.M))


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["list"], ["skill"]])
def test_quick_commands(arguments):
    """Commands that print what is known import neither Jinja2 nor Black."""
    heavy = {"jinja2", "black", "importlib.metadata", "keras", "jax", "numpy"}

    assert set() == heavy & modules_of(*arguments)


def test_generating_does_not_import_keras():
    """`new` imports Jinja2 and Black, and neither Keras nor JAX."""
    modules = modules_of("new", "-", "--task", "binary", "--loss", "hinge")

    assert {"jinja2", "black"} <= modules
    assert set() == modules & {"keras", "jax", "jaxlib", "numpy"}


def test_module_and_script():
    """`python -m scaffold` runs `kscaffold` and shows this name in its usage."""
    assert b"Usage: kscaffold" in run("--help").stdout
    assert f"kscaffold, version {scaffold.__version__}\n" == invoke("--version").stdout


# Determinism.

ENVIRONMENTS = [
    {"PYTHONHASHSEED": "0", "LC_ALL": "C"},
    {"PYTHONHASHSEED": "1", "LC_ALL": "C.UTF-8", "LANG": "C.UTF-8"},
    {"PYTHONHASHSEED": "4242", "LANG": "C", "TZ": "Asia/Tokyo", "COLUMNS": "40"},
]


def test_same_options_same_bytes(folder):
    """The output does not depend on hash seeds, locales, time zones and folders."""
    (folder / "elsewhere" / "deep").mkdir(parents=True)
    arguments = ["new", "-", "--task", "binary", "--manual-metrics", "--sample-weight"]
    arguments += ["--metric", "auc", "--metric", "precision", "--metric", "recall"]
    arguments += ["--target-version", "py311", "--target-version", "py312"]
    outputs = {
        run(*arguments, env={**os.environ, **environ}, cwd=where).stdout
        for environ in ENVIRONMENTS
        for where in (folder, folder / "elsewhere" / "deep")
    }

    assert 1 == len(outputs)
    assert outputs.pop().startswith(b"# Generated by kscaffold")


# [tool.black].

#: Settings, and others beside which they must show; `None` for none that show.
BLACK_SETTINGS = {
    "line-length = 60": "",
    "line-length = 200": "",
    "line-length = 40\ntarget-version = ['py34']": "line-length = 40",
    "target-version = ['py311', 'py312']": None,
    "skip-string-normalization = true": None,
    "skip-magic-trailing-comma = true": "",
    "preview = true": None,
    "line-length = 60\npreview = true\nunstable = true": "line-length = 60",
    "line-length = 60\npreview = true\n"
    "enable-unstable-feature = ['string_processing']": "line-length = 60",
    "pyi = true": "",
    "skip-source-first-line = true": None,
}


@pytest.mark.parametrize("lines", BLACK_SETTINGS, ids=lambda x: x.replace("\n", " "))
def test_black_settings(folder, lines):
    """Black changes nothing when it runs in the folder of the target."""
    commands = [["--style", "functional"], ["--style", "subclass"], ["--recipe", "gan"]]
    for place, content in {"with": lines, "without": BLACK_SETTINGS[lines]}.items():
        (folder / place / "deep").mkdir(parents=True)
        (folder / place / "pyproject.toml").write_text(
            f"[tool.black]\n{content or ''}\n"
        )
        for words in commands:
            new = invoke("new", f"{place}/deep/{words[1]}.py", *words)

            assert 0 == new.exit_code
    command = [sys.executable, "-m", "black", "--check", "deep"]
    result = subprocess.run(command, cwd="with", capture_output=True, text=True)
    with_it, without_it = (
        {path.name: path.read_text("utf-8") for path in folder.glob(f"{place}/deep/*")}
        for place in ("with", "without")
    )

    assert 0 == result.returncode, result.stderr
    assert "3 files would be left unchanged" in result.stderr
    assert BLACK_SETTINGS[lines] is None or with_it != without_it


@pytest.mark.parametrize("skip", [True, False])
def test_string_normalization(folder, skip):
    """The setting about quotes reaches Black, although no template needs it."""
    setting = f"[tool.black]\nskip-string-normalization = {str(skip).lower()}\n"
    (folder / "pyproject.toml").write_text(setting)

    assert (not skip) == black_mode(Path("a.py")).string_normalization


def test_options_go_before_settings(folder):
    """`--line-length` and `--target-version` override the settings."""
    setting = "[tool.black]\nline-length = 60\ntarget-version = ['py34']\n"
    (folder / "pyproject.toml").write_text(setting)
    mode = black_mode(Path("a.py"), 100, ("py312",))

    assert (100, {black.TargetVersion.PY312}) == (
        mode.line_length,
        mode.target_versions,
    )


# Random arguments.

NAMES = [
    alias for entry in (*LOSSES, *METRICS) for alias in (entry.name, *entry.aliases)
]
ANYTHING = st.text(st.characters(exclude_characters="/"), max_size=12)


def mostly(good, bad):
    """Draws a valid value three times out of four."""
    return st.one_of(good, good, good, bad)


def value_of(option):
    """Draws a value for an option, valid or not."""
    if option.choices:
        return mostly(st.sampled_from(option.choices), ANYTHING)
    if option.type is int:
        return mostly(st.integers(1, 200).map(str), st.integers().map(str) | ANYTHING)
    if option.name == "class_name":
        return mostly(st.from_regex(r"\A[A-Za-z_]\w{0,8}\Z"), ANYTHING)
    return mostly(st.sampled_from(NAMES), ANYTHING)


def arguments_of(option):
    """Draws an option with a value."""
    if option.type is bool:
        return st.sampled_from([option.flag, option.off_flag])
    return value_of(option).map(lambda value: f"{option.flag}={value}")


ARGUMENTS = st.lists(st.sampled_from(OPTIONS).flatmap(arguments_of), max_size=6)
TARGETS = mostly(st.sampled_from(["a.py", "ä_b.py"]), ANYTHING.map("{}.py".format))


@pytest.mark.parametrize(
    "examples", [60, pytest.param(300, marks=pytest.mark.exhaustive)]
)
def test_any_command_line(examples, folder):
    """Any arguments give a valid, Black-clean file, or exit 2 and no file."""

    @settings(max_examples=examples, deadline=None)
    @given(arguments=ARGUMENTS, target=TARGETS)
    def check(arguments, target):
        for name in os.listdir(os.fsencode(folder)):
            os.remove(os.path.join(os.fsencode(folder), name))
        check_command_line(folder, arguments, target)

    check()


def check_command_line(folder, arguments, target):
    """Runs `kscaffold new` and checks its messages and files."""
    result = invoke("new", *arguments, "--", target)

    event(f"exit {result.exit_code}")

    assert result.exception is None or isinstance(result.exception, SystemExit)
    if result.exit_code == 0:
        [file] = folder.iterdir()
        text = file.read_bytes().decode("utf-8")
        compile(text, "generated", "exec")
        [line_length] = [a[14:] for a in arguments if "--line-length" in a][-1:] or [88]
        versions = {a[17:].upper() for a in arguments if "--target-version" in a}
        mode = black.Mode(
            {black.TargetVersion[name] for name in versions}, int(line_length)
        )
        assert text == black.format_str(text, mode=mode)
    else:
        assert 2 == result.exit_code
        assert "Error: " in result.stderr
        assert [] == os.listdir(folder)


def test_prompts_and_flags_come_from_spec():
    """No option of `Spec` is named in the modules of the command line."""
    package = Path(scaffold.__file__).parent
    for name in ("cli", "click_options", "new_report", "option_tables", "prompts"):
        source = (package / f"{name}.py").read_text("utf-8")
        for option in OPTIONS:
            assert option.flag not in source
            used = re.findall(rf"spec\.{option.name}\b|[\"']{option.name}[\"']", source)
            assert used in ([], ["spec.demo"])


def test_click_knows_the_group():
    """`main` is a Click group, which has Click's shell completion."""
    assert isinstance(main, click.Group)
    assert {"new", "list"} <= set(main.commands)
