"""The files of a project: their names, texts and settings."""

import importlib
import re
import subprocess
import sys
import tomllib
from dataclasses import replace
from pathlib import Path

import black
import pytest
from black.files import infer_target_version
from click.testing import CliRunner
from matrix import CHOICES, golden_projects, identify
from running_projects import FILES, data_specs

from scaffold import Spec, render, rendering, write
from scaffold.cli import main
from scaffold.header import parse_command
from scaffold.objective import TASKS
from scaffold.verify.file_import import import_file

ROOT = Path(__file__).parent.parent.parent
DOCS = (ROOT / "docs" / "projects.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("spec", [Spec(), Spec(task="multiclass", fuse_steps=True)])
def test_tree(tmp_path, spec):
    """A project has these files, and its model is what `new model.py` writes."""
    result = CliRunner().invoke(
        main, ["new", str(tmp_path / "my_project"), *spec.arguments()]
    )

    assert 0 == result.exit_code, result.output
    project = tmp_path / "my_project"
    found = [p.relative_to(project) for p in project.rglob("*") if p.is_file()]
    assert sorted(FILES) == sorted(path.as_posix() for path in found)
    model = (project / "my_project" / "model.py").read_text()
    assert render(spec, "model.py")[0].text == model
    assert "python -m my_project.train" in result.stderr


def test_record():
    """The options are recorded, and can be parsed."""
    spec = Spec(task="binary", metric=("auc", "precision"), class_name="Été")
    files = {file.path.name: file.text for file in render(spec, "a/b/my_project")}

    record = tomllib.loads(files["pyproject.toml"])["tool"]["kscaffold"]

    assert spec.command("my_project") == record["command"]
    assert ("my_project", spec) == parse_command(record["command"])
    assert "a/b" not in "".join(files.values())


def few_specs() -> list[Spec]:
    """Lists specs that cover most of the texts that options change."""
    specs = [Spec(style=style, sample_weight=True) for style in CHOICES["style"]]
    specs += [Spec(task=task, sample_weight=True) for task in TASKS]
    specs += [Spec(fuse_steps=True, target_version=("py311", "py312"))]
    return specs + [Spec(line_length=length) for length in (50, 79, 100)]


def many_specs() -> list[Spec]:
    """Lists specs with every kind of targets, with and without weights."""
    return [
        replace(spec, sample_weight=weighted)
        for spec in data_specs()
        for weighted in (False, True)
    ]


@pytest.mark.parametrize(
    "specs", [few_specs, pytest.param(many_specs, marks=pytest.mark.exhaustive)]
)
def test_clean(tmp_path, specs):
    """Black and ruff accept projects with all kinds of options and a long name."""
    for number, spec in enumerate(specs()):
        name = f"a_project_with_a_name_that_is_rather_long_{number}"
        files = write(render(spec, str(tmp_path / name)))
        settings = tomllib.loads((tmp_path / name / "pyproject.toml").read_text())
        # Black itself looks for the versions of Python in the same file.
        given = settings["tool"]["black"].get("target-version", ())
        versions = {black.TargetVersion[v.upper()] for v in given}
        mode = black.Mode(
            line_length=settings["tool"]["black"]["line-length"],
            target_versions=versions or set(infer_target_version(settings)),
        )
        for file in files:
            text = file.read_text(encoding="utf-8")
            assert text.endswith("\n") and not text.endswith("\n\n"), file
            assert "\n\n\n\n" not in text, file
            if file.suffix == ".py":
                assert text == black.format_str(text, mode=mode), (file, identify(spec))

    ruff = [sys.executable, "-m", "ruff", "check", "--no-cache", str(tmp_path)]
    done = subprocess.run(ruff, capture_output=True, text=True)

    assert 0 == done.returncode, done.stdout


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("manual_metrics", [False, True])
def test_templates_are_black(task, manual_metrics, monkeypatch):
    """A project is rendered in Black's format, however long its metrics are.

    Black formats what it changes twice.
    """
    spec = Spec(task=task, sample_weight=True, manual_metrics=manual_metrics)
    sources = []

    def format_source(source, mode):
        sources.append(source)
        return source

    monkeypatch.setattr(rendering, "format_source", format_source)
    rendering.project_texts(spec, "my_project")

    assert len(FILES) - 3 == len(sources)
    for source in sources:
        assert source == black.format_str(source, mode=black.Mode())


def test_readme_lists_the_files_and_options():
    """The docs and the project's README name its files, the docs also its options."""
    text = DOCS
    files = {file.path.name: file.text for file in render(Spec(), "my_project")}
    flags = re.findall(r'add\(\s*"(--[a-z-]+)"', files["options.py"])

    assert 13 == len(flags)
    for name in [*flags, *FILES]:
        assert name in text or name.endswith("__init__.py"), name
    own = files["README.md"]
    assert all(name in own or name in (".gitignore", "README.md") for name in FILES[:4])
    assert all(name in own for name in FILES[5:])


def test_versions():
    """A project requires the versions of Keras and JAX that are tested here."""
    [text] = [
        f.text for f in render(Spec(), "my_project") if f.path.name == "pyproject.toml"
    ]
    wanted = tomllib.loads(text)["project"]["dependencies"]
    root = importlib.resources.files("scaffold.templates").parent
    ours = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    tested = [r for r in ours["optional-dependencies"]["jax"] if ">=" in r]

    for requirement in tested:
        name = requirement.split(">=")[0]
        if name == "jaxlib":
            continue  # JAX requires its own
        [found] = [w for w in wanted if w.startswith(f"{name}>=")]
        lower, upper = found.split(",<")
        assert requirement == lower
        version = importlib.metadata.version(name).split(".")[:2]
        assert [int(n) for n in version] < [int(n) for n in upper.split(".")]


def test_golden_models_are_importable():
    """The model of each golden project has the class name of its options."""
    for path, spec in golden_projects().items():
        module = import_file(str(path / "my_project" / "model.py"))
        assert hasattr(module, spec.class_name)
