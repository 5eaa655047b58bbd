"""The pages of `docs/` are true: generated parts, links, commands and examples."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from generated_docs import LLMS, documents, generated, llms, pages
from matrix import GOLDEN, text

from scaffold import Spec, __version__
from scaffold.cli import main
from scaffold.recipes import load_recipe, recipe_names

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
#: The recipes with a page: all but Keras's own step.
PAGES = sorted(set(recipe_names()) - {"supervised"})


def page(name: str) -> str:
    """Returns the text of a page."""
    return (DOCS / name).read_text(encoding="utf-8")


def blocks(name: str, language: str) -> list[str]:
    """Returns the code of a page in one language."""
    return re.findall(rf"```{language}\n(.*?)```", page(name), re.DOTALL)


@pytest.mark.parametrize(
    "document", documents(), ids=lambda path: path.relative_to(ROOT).as_posix()
)
def test_generated_parts(document):
    """Tables, numbers and excerpts are what `pytest --bless` writes."""
    assert generated(document) == document.read_text(encoding="utf-8")


def test_every_recipe_has_parts():
    """The table of the page of custom parts has each recipe once, with a remark."""
    rows = re.findall(
        r"^\| \[`([\w-]+)`\]\(.*\) \| `--network .*` \| .+\. \|$",
        page("recipes/custom.md"),
        re.MULTILINE,
    )

    assert [name for name in PAGES if name != "custom"] == rows


@pytest.mark.parametrize(
    "document",
    [*documents(), ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"],
    ids=lambda path: path.relative_to(ROOT).as_posix(),
)
def test_links(document):
    """Each relative link and each picture leads to a file."""
    source = document.read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)#]+?)(?:#[\w-]+)?\)", source)
    links += re.findall(r"^\[[\w-]+\]: (\S+)$", source, re.MULTILINE)
    for link in links:
        if not link.startswith("https://"):
            assert (document.parent / link).is_file(), link


def test_navigation():
    """The site lists each page."""
    found = {path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")}
    assert found == set(pages())


def test_llms():
    """`llms.txt` is what `pytest --bless` writes, and its links lead to files."""
    written = LLMS.read_text(encoding="utf-8")
    links = re.findall(r"^- \[.*?\]\((.*?)\)", written, re.MULTILINE)

    assert llms() == written
    assert "skill/" == links[0]
    for link in links:
        sources = [link, f"{link}index.md", f"{link.rstrip('/')}.md"]
        assert any((DOCS / source).is_file() for source in sources), link


def test_pictures_are_small():
    """Each picture of a recipe has less than 60 kB, and a page that shows it."""
    for picture in (DOCS / "recipes").glob("*.png"):
        assert picture.stat().st_size < 60_000
        assert f"]({picture.name})" in page(f"recipes/{picture.stem}.md")


def test_ci_builds_the_site():
    """CI builds the site in strict mode, which fails if a link is broken."""
    run = (ROOT / ".ci" / "run").read_text(encoding="utf-8")

    assert "-e '.[docs]'" in run
    assert "\nzensical build --strict" in run


@pytest.mark.parametrize("recipe", PAGES)
def test_recipe_results(recipe):
    """The main block of each recipe beats what it is compared with."""
    row = rf"^\| `{recipe}` \| .* ± .* s \|$"
    [row] = re.findall(row, page("recipes/index.md"), re.MULTILINE)
    numbers = [float(n) for n in re.findall(r"(-?\d\.\d+) ±", row)]
    better = -1 if load_recipe(recipe)["better"] == "lower" else 1

    assert better * numbers[0] > better * numbers[1]


@pytest.mark.parametrize("recipe", PAGES)
def test_recipe_page(recipe):
    """The page of a recipe writes its file, and its functions and methods exist."""
    source = page(f"recipes/{recipe}.md")
    file = f"{recipe.replace('-', '_')}.py"
    golden = text(Spec(recipe=recipe), file)

    assert file == Spec(recipe=recipe).default_target
    command = f"kscaffold new --recipe {recipe}\npython {file}\n"
    assert command == blocks(f"recipes/{recipe}.md", "sh")[0]
    calls = set(re.findall(r"`(\w+)\(", source)) - {"fit", "evaluate", "predict"}
    assert calls
    for name in calls:
        assert f"def {name}(" in golden, name
    for arguments in re.findall(r"`compile\((\w+), (\w+)\)`", source):
        assert all(f"{argument}=" in golden for argument in arguments)
    picture = re.findall(r'savefig\("(.*?)"\)', golden)
    assert len(picture) == source.count(f"]({recipe}.png)")


def test_commands():
    """The page on options has every command, and each command that it has exists."""
    table = page("options.md").split("## Commands")[1].split("\n- ")[0]
    shown = re.findall(r"`kscaffold (\w+)(.*?)`", table)

    assert set(main.commands) == {name for name, _ in shown}
    for name, arguments in shown:
        flags = {flag for p in main.commands[name].params for flag in p.opts}
        assert set(re.findall(r"(?<= )--?[a-z][\w-]*", arguments)) <= flags


def test_update_options():
    """The options of `update` in the table exist."""
    table = page("options.md").split("## Options of `kscaffold update`")[1]
    flags = {flag for option in main.commands["update"].params for flag in option.opts}

    shown = set(re.findall(r"^\| (.*?) \|", table, re.MULTILINE)[2:])
    assert shown
    for flag in re.findall(r"`(--[\w-]+)", " ".join(shown)):
        assert flag in flags


def test_hook():
    """The hook of the example is the one that the repository defines."""
    [example] = blocks("options.md", "yaml")
    hooks = (ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8")

    [name] = re.findall(r"- id: (\S+)", example)
    assert f"- id: {name}\n" in hooks


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(shell):
    """The line for each shell asks for the script that Click makes for it."""
    [line] = [b for b in blocks("options.md", "sh") if f"{shell}_source" in b]
    [(variable, value)] = re.findall(r"(\w+)=(\w+) kscaffold", line)
    program = "import sys; sys.argv[0] = 'kscaffold'; from scaffold.cli import main; "

    done = subprocess.run(
        [sys.executable, "-c", program + "main(prog_name='kscaffold')"],
        env={**os.environ, variable: value},
        capture_output=True,
        text=True,
    )

    # Click looks at the version of bash, which not every machine has.
    if shell != "bash" or not done.returncode:
        assert f"{shell}_complete" in done.stdout


def test_python_example(tmp_path, monkeypatch):
    """The example of the Python API writes a file."""
    monkeypatch.chdir(tmp_path)
    [example] = blocks("options.md", "python")

    exec(example, {})

    spec = Spec(task="multiclass", manual_loss=True, sample_weight=True)
    assert text(spec, "my_model.py") == (tmp_path / "my_model.py").read_text("utf-8")


def test_schemas_of_commands():
    """The page for programs links every schema, and its example reads one."""
    shown = re.findall(r"\[`([\w-]+)`\]\(schemas/\1.json\)", page("programs.md"))
    names = {path.stem for path in (DOCS / "schemas").iterdir()}
    [example] = blocks("programs.md", "python")
    found = {}
    exec(example, found)

    assert names == set(shown)
    assert "schemas/list-1.json" == found["schema"]["$id"]


def test_quoted_error():
    """The FAQ quotes the error about a weight, and its way out."""
    plain = (GOLDEN / "supervised" / "functional" / "plain.py").read_text("utf-8")
    [quoted] = re.findall(r"^### \"(This model .*)\"$", page("faq.md"), re.MULTILINE)

    assert f"{quoted}." in plain
    assert "kscaffold update FILE.py --sample-weight" in plain
    assert "kscaffold update custom_model.py --sample-weight\n" in page("faq.md")


def test_changelog():
    """The changelog starts with the version of the package."""
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")

    assert __version__ == re.findall(r"^## (\S+)", changelog, re.MULTILINE)[0]


def test_oldest_versions():
    """The page on versions has the oldest ones that the package allows."""
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")

    for name in ("Keras", "JAX"):
        [oldest] = re.findall(rf'"{name.lower()}>=([\d.]+)"', project)
        row = rf"^\| {name} \| .*oldest {re.escape(oldest)} \|$"
        assert re.search(row, page("versions.md"), re.MULTILINE)


@pytest.mark.exhaustive
def test_tutorial(tmp_path):
    """Each command of the tutorial, each edit and each output is the real one."""
    steps = re.findall(
        r"^```(\w+)\n(.*?)^```", page("tutorial.md"), re.DOTALL | re.MULTILINE
    )
    assert {"sh", "text", "diff", "python"} == {language for language, _ in steps}
    file = tmp_path / "custom_model.py"
    printed = ""
    for language, code in steps:
        if language == "sh":
            printed = "".join(run(line, tmp_path) for line in code.splitlines())
        elif language == "text":
            assert_shown(code, printed)
        elif language == "diff":
            file.write_text(patched(file.read_text("utf-8"), code), encoding="utf-8")
        elif code.startswith("<<<<<<<"):
            assert code in file.read_text(encoding="utf-8")
        else:
            (tmp_path / "example.py").write_text(code, encoding="utf-8")
            run("python example.py", tmp_path, check=True)


def run(line: str, folder: Path, check: bool = False) -> str:
    """Runs a command of the tutorial; returns all that it prints."""
    words = shlex.split(line, comments=True)
    words[:1] = {
        "kscaffold": [sys.executable, "-m", "scaffold"],
        "python": [sys.executable],
    }[words[0]]
    done = subprocess.run(
        words,
        cwd=folder,
        env={**os.environ, "XLA_FLAGS": ""},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0 or not check, done.stdout
    return done.stdout


def assert_shown(code: str, printed: str) -> None:
    """Asserts that lines were printed, in order. `...` stands for any others."""
    # Another processor may round the last digits differently.
    shown, printed = (re.sub(r"(\d\.\d{2})\d+", r"\1", t) for t in (code, printed))
    pieces = [re.escape(piece) for piece in shown.split("...\n")]
    assert re.search("(?:.*\n)*?".join(pieces), printed), printed


def patched(source: str, diff: str) -> str:
    """Applies the lines of a diff to the one place where they fit."""
    lines = diff.splitlines()
    old = "\n".join(line[1:] for line in lines if line[0] != "+")
    new = "\n".join(line[1:] for line in lines if line[0] != "-")
    assert 1 == source.count(old), f"Not once in the file:\n{old}"
    return source.replace(old, new)
