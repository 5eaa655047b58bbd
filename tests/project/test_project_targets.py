"""Where a project is written: existing files, failures, and names."""

import pytest
from click.testing import CliRunner

from scaffold import Spec, render, write
from scaffold.cli import main
from scaffold.errors import WriteError


def test_existing_files_are_refused(tmp_path, monkeypatch):
    """A folder may have hidden files, but none that would be overwritten."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my_project").mkdir()
    (tmp_path / "my_project" / ".notes").write_text("mine")
    mine = tmp_path / "my_project" / ".gitignore"
    mine.write_text("mine")

    result = CliRunner().invoke(main, ["new", "my_project"])

    assert 2 == result.exit_code
    assert "my_project/.gitignore already exists" in result.stderr
    assert "mine" == mine.read_text()
    assert 2 == len([p for p in tmp_path.rglob("*") if p.is_file()])
    mine.unlink()
    assert 0 == CliRunner().invoke(main, ["new", "my_project"]).exit_code
    assert "mine" == (tmp_path / "my_project" / ".notes").read_text()


@pytest.mark.parametrize("force", [False, True])
def test_all_or_nothing(tmp_path, monkeypatch, force):
    """If a file cannot be written, the files before it are restored."""
    from scaffold import writing

    files = render(Spec(), str(tmp_path / "new" / "my_project"))
    before = {}
    if force:
        write(files)
        (tmp_path / "new" / "my_project" / "README.md").write_text("mine")
        (tmp_path / "new" / "my_project" / "pyproject.toml").unlink()
        before = {p: p.read_text() for p in tmp_path.rglob("*") if p.is_file()}
    publish = writing.publish

    def full(path, content, force):
        if path == files[-1].path and content == files[-1].text.encode():
            raise OSError(28, "No space left on device")
        publish(path, content, force)

    monkeypatch.setattr(writing, "publish", full)
    with pytest.raises(WriteError, match="No space left"):
        write(files, force)

    assert before == {p: p.read_text() for p in tmp_path.rglob("*") if p.is_file()}
    assert force or [] == list(tmp_path.iterdir())


def test_rollback_of_a_link(tmp_path, monkeypatch):
    """A link is restored as a link, even if its target does not exist."""
    from scaffold import RenderedFile, writing

    (tmp_path / "there").write_text("mine")
    (tmp_path / "a").symlink_to(tmp_path / "there")
    (tmp_path / "b").symlink_to(tmp_path / "nowhere")
    publish = writing.publish

    def full(path, content, force):
        if path.name == "c":
            raise OSError(28, "No space left on device")
        publish(path, content, force)

    monkeypatch.setattr(writing, "publish", full)
    with pytest.raises(WriteError, match="No space left"):
        write([RenderedFile(tmp_path / name, "new") for name in "abc"], force=True)

    assert {"a", "b", "there"} == {path.name for path in tmp_path.iterdir()}
    assert "mine" == (tmp_path / "a").read_text()
    assert (tmp_path / "b").is_symlink() and not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize(
    ("name", "instead"),
    [("runs", "my_runs"), ("numpy-", "my_numpy"), ("pluggy", "my_pluggy")],
)
def test_suggested_names_are_accepted(name, instead, tmp_path, monkeypatch):
    """A name that Git ignores or Python has is refused. A better one is suggested."""
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, ["new", name])

    assert 2 == result.exit_code
    assert f"Name the project {instead}" in result.stderr
    assert 0 == CliRunner().invoke(main, ["new", instead]).exit_code


def test_in_the_current_folder(tmp_path, monkeypatch):
    """`new .` writes a project into the current folder, under its name."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")

    assert 0 == CliRunner().invoke(main, ["new", "."]).exit_code
    assert (tmp_path / "here" / "here" / "model.py").exists()
    assert 0 == CliRunner().invoke(main, ["new", ".", "--check"]).exit_code
    assert (
        1 == CliRunner().invoke(main, ["new", ".", "--check", "--test-step"]).exit_code
    )
