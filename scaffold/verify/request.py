"""What `kscaffold verify` is asked to check, validated before Keras is imported."""

import os
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from ..errors import KscaffoldError
from ..regular_files import read, shown

#: What to do about a file that Python cannot parse, or that crashes it.
TOO_DEEP = "Simplify the file. It may nest expressions too deeply for Python."


class VerifyError(KscaffoldError):
    """The file cannot be verified: it is missing, not Python, or has no model."""


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
    """

    path: str
    class_name: str = ""
    loss: str | None = None
    metrics: tuple[str, ...] = ()
    build: str = ""
    batch_size: int = 16
    pattern: str = ""
    quick: bool = False


def parse_target(target: str) -> tuple[str, str]:
    """Splits `FILE[:CLASS]` and checks that the file can be read.

    A worker parses it: Python may crash if expressions are nested too deeply.

    Raises:
        KscaffoldError: If the file does not exist, is not a regular file, or cannot be
            read.
    """
    path, colon, name = target.rpartition(":")
    if not colon or (not path.endswith(".py") and os.path.exists(target)):
        path, name = target, ""
    if read(Path(path)) is None:
        raise VerifyError(
            f"{shown(Path(path))}: No such file or directory.",
            "Name a Python file: FILE.py or FILE.py:CLASS.",
        )
    return path, name


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
        )
    backend = os.environ.get("KERAS_BACKEND") or "jax"
    if backend != "jax":
        raise VerifyError(
            f"KERAS_BACKEND is {backend!r}, but `kscaffold verify` needs JAX.",
            "Set KERAS_BACKEND=jax, or unset it.",
        )
