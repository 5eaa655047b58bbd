"""Exports the files of a git revision, so that an earlier version can be imported."""

import os
import subprocess
import tarfile
from pathlib import Path
from typing import NamedTuple

from ...regular_files import shown
from ..request import VerifyError

#: How many seconds a git command may take.
LIMIT = 60

#: What git sets for its hooks. The repository is found from the file instead.
HOOK_VARIABLES = (
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_PREFIX",
    "GIT_COMMON_DIR",
    "GIT_OBJECT_DIRECTORY",
)


class Revision(NamedTuple):
    """A git revision of a file.

    Attributes:
        name: The revision, as the user named it.
        commit: The hash of its commit.
        root: The folder of the repository.
        path: The path of the file in it.
    """

    name: str
    commit: str
    root: str
    path: str


def find_revision(name: str, file: Path) -> Revision | None:
    """Finds a revision in the repository of a file.

    Args:
        name: The name of the revision, such as `HEAD~1`.
        file: The file.

    Returns:
        The revision, or `None` if there is no such revision or no repository.

    Raises:
        VerifyError: If the revision does not have the file, or if git does not answer.
    """
    # Git would take a leading hyphen for an option.
    if not name or name.startswith("-") or not name.isprintable():
        return None
    real = os.path.realpath(file)
    root = _git(os.path.dirname(real), "rev-parse", "--show-toplevel")
    if root is None:
        return None
    found = _git(root, "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")
    if found is None:
        return None
    path = Path(os.path.relpath(real, os.path.realpath(root))).as_posix()
    if _git(root, "cat-file", "-e", f"{found}:{path}") is None:
        raise VerifyError(
            f"The git revision {name} has no file {shown(Path(path))}.",
            "If the file was renamed, save the old one with `git show REVISION:OLD.py "
            "> old.py`, and use --against old.py.",
            code="revision-invalid",
        )
    return Revision(name, found, root, path)


def export(revision: Revision, folder: Path) -> None:
    """Writes all files of a revision into an empty folder.

    Raises:
        VerifyError: If git or the file system fails.
    """
    archive = folder.with_name(f"{folder.name}.tar")
    to_file = f"--output={archive}"
    done = _git(revision.root, "archive", "--format=tar", to_file, revision.commit)
    try:
        if done is None:
            raise OSError("`git archive` fails")
        with tarfile.open(archive) as tar:
            tar.extractall(folder, filter="data")
        archive.unlink()
        # The attribute export-ignore could leave the file out.
        if not (folder / revision.path).is_file():
            raise OSError("`git archive` leaves the file out (see export-ignore)")
    except (OSError, tarfile.TarError) as error:
        raise VerifyError(
            f"The git revision {revision.name} cannot be exported: {error}.",
            "Check it out with `git worktree add`, and name the file in it.",
            code="revision-invalid",
        ) from error


def _git(folder: str, *arguments: str) -> str | None:
    """Runs git in a folder without a shell. Returns `None` if it fails."""
    env = {k: v for k, v in os.environ.items() if k not in HOOK_VARIABLES}
    try:
        done = subprocess.run(
            ["git", "-C", folder, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=LIMIT,
            env=env,
        )
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise VerifyError(
            f"git cannot be run: {error}.", code="revision-invalid"
        ) from error
    except subprocess.TimeoutExpired as error:
        raise VerifyError(
            f"`git {arguments[0]}` takes more than {LIMIT} s.",
            "Check out the revision with `git worktree add`, and name the file in it.",
            code="revision-invalid",
        ) from error
    return os.fsdecode(done.stdout).rstrip("\n") if done.returncode == 0 else None
