"""What `kscaffold verify` is asked to check, validated before Keras is imported."""

import os
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from ..errors import KscaffoldError
from ..regular_files import file_errors, is_regular, read, shown

#: The suffixes of the files that can be verified.
SOURCES = (".py", ".ipynb")

#: What to do about a file that Python cannot parse, or that crashes it.
TOO_DEEP = "Simplify the file. It may nest expressions too deeply for Python."


def import_hint(path: str, slow: bool = False, error: str = "") -> str:
    """Returns what to do about a file that cannot be imported, or not in time."""
    notebook = path.endswith(".ipynb")
    if "keras.src" in error:
        return (
            "keras.src is private, and its names change from version to version. "
            "Use the names of keras instead, such as keras.Model."
        )
    if slow:
        way = 'Put what takes long under `if __name__ == "__main__":`'
        if notebook:
            way = "Give the cells that take long the tag 'skip-execution'"
        return f"An import runs the whole file. {way}, or raise --timeout."
    if notebook:
        return "Fix the cell. A cell with the tag 'skip-execution' is not run."
    return "Make sure that Python can import the file."


class VerifyError(KscaffoldError):
    """The file cannot be verified: it is missing, not Python, or has no model."""

    code = "verify-failed"


@dataclass(frozen=True)
class Request:
    """The file to verify, and how.

    Attributes:
        path: The file.
        class_name: The class in it. May be empty if the file defines only one.
        loss: The Keras name of its loss, or `None`.
        metrics: The Keras names of its metrics.
        build: `FILE:FUNCTION` that builds the model, or an empty string.
        batch_size: The rows of a batch of the invariants.
        pattern: A part of the names of the checks to run. Empty for all.
        quick: Whether to run only the checks that catch most mistakes.
        against: What to compare the class with instead of Keras's own steps: a file, a
            git revision or a recording. May be empty.
        against_backend: The Keras backend of that file.
        against_build: `FILE:FUNCTION` that builds the model of that file.
    """

    path: str
    class_name: str = ""
    loss: str | None = None
    metrics: tuple[str, ...] = ()
    build: str = ""
    batch_size: int = 16
    pattern: str = ""
    quick: bool = False
    against: str = ""
    against_backend: str = ""
    against_build: str = ""


def parse_target(target: str) -> tuple[str, str]:
    """Splits `FILE[:CLASS]` and checks that the file can be read.

    A worker parses it: Python may crash if expressions are nested too deeply.

    Raises:
        KscaffoldError: If the file does not exist, is not a regular file, or cannot be
            read.
    """
    path, colon, name = target.rpartition(":")
    source = path.endswith(SOURCES)
    if not colon or (not source and os.path.exists(target)):
        path, name = target, ""
    if not _can_be_read(Path(path)):
        raise VerifyError(
            f"{shown(Path(path))}: No such file or directory.",
            "Name a Python file or a notebook: FILE.py or FILE.py:CLASS.",
            code="file-missing",
        )
    return path, name


def _can_be_read(path: Path) -> bool:
    """Checks that a file can be read, and returns whether it exists."""
    if path.suffix != ".ipynb":
        return read(path) is not None
    # The images in a notebook may be larger than any source.
    with file_errors(path, "read"):
        if is_regular(path):
            open(path, "rb").close()
            return True
    return False


def check_environment() -> None:
    """Checks that Keras can run on JAX.

    Raises:
        VerifyError: If Keras or JAX is missing, or another backend is selected.
    """
    missing = [name for name in ("keras", "jax") if find_spec(name) is None]
    if missing:
        raise VerifyError(
            f"Running a training step needs {' and '.join(missing)}.",
            "pip install keras jax jaxlib numpy",
            code="package-missing",
        )
    backend = os.environ.get("KERAS_BACKEND") or "jax"
    if backend != "jax":
        raise VerifyError(
            f"KERAS_BACKEND is {backend!r}, but `kscaffold verify` needs JAX.",
            "Set KERAS_BACKEND=jax, or unset it.",
            code="backend-unsupported",
        )
