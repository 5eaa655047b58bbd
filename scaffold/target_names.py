"""What `new` can write: one module, a whole project, or text on standard output."""

import keyword
import os
import re
import sys
import unicodedata
from pathlib import PurePath

from .errors import SpecError

#: What `new` writes if no target is named.
DEFAULT_TARGET = "custom_model.py"

#: What Keras and JAX import: in a script's folder, a file of that name hides it.
_KERAS_NEEDS = (
    "absl h5py jax jaxlib keras ml_dtypes namex numpy opt_einsum optree packaging rich "
    "scipy typing_extensions".split()
)

#: What these import where it is installed.
_KERAS_TRIES = (
    "IPython PIL charset_normalizer cloudpickle compression cv2 cycler cython dateutil "
    "etils filelock flatbuffers fontTools huggingface_hub jax_cuda12_plugin "
    "jax_cuda13_plugin jax_plugins jax_rocm60_plugin jax_rocm7_plugin joblib "
    "kiwisolver libtpu lz4 matplotlib mpl_toolkits narwhals nvidia org pandas psutil "
    "pydot pydot_ng pydotplus pygments pyparsing requests scikits sklearn "
    "sksparse tensorflow threadpoolctl torch tree uarray web_pdb zstandard".split()
)

#: What a project also needs: a package of that name would hide it, or replace it.
_PROJECT_NEEDS = (
    "_pytest absl_py iniconfig kscaffold pillow pip pluggy pytest python_dateutil "
    "scaffold scikit_learn setuptools tests".split()
)

#: Folders that git ignores in a project.
_IGNORED = ("build", "runs")


def shadowing_modules() -> frozenset[str]:
    """Names of modules that a generated file must not have: it imports them."""
    return frozenset(sys.stdlib_module_names) | {*_KERAS_NEEDS, *_KERAS_TRIES}


def is_project(target: str) -> bool:
    """Says whether a target is a folder, for a whole project."""
    return target != "-" and PurePath(target).suffix != ".py"


def package_name(target: str) -> str:
    """Returns the name of a project's package: that of its folder."""
    return os.path.basename(os.path.abspath(target))


def first_file(target: str) -> str:
    """Returns a file that is written for a target, whatever the options are."""
    return os.path.join(target, "pyproject.toml") if is_project(target) else target


def check_target(target: str) -> None:
    """Refuses names that no importable, printable module or package can have.

    Raises:
        SpecError: If the target is such a name.
    """
    if not target.isprintable():
        raise SpecError(f"The target {target!r} has characters that cannot be printed.")
    if is_project(target):
        _check_project(target)
    elif target != "-":
        _check_module(PurePath(target))


def _check_module(path: PurePath) -> None:
    if path.stem in shadowing_modules():
        raise SpecError(
            f"A file {path.name} would hide the module {path.stem}, which it imports.",
            f"Name it my_{path.name}.",
        )


def _check_project(target: str) -> None:
    name = package_name(target) if target else ""
    # Python's rules for a module, and those of pip for a distribution.
    if not re.fullmatch("[A-Za-z]([A-Za-z0-9_]*[A-Za-z0-9])?", name) or (
        keyword.iskeyword(name)
    ):
        raise SpecError(
            f"{name!r} cannot be the name of a Python package, nor is it a file .py.",
            f"Name the project {_importable(name)}, or one module "
            f"{_importable(name)}.py.",
        )
    if _is_taken(name):
        raise SpecError(
            f"A package {name} would hide or replace another of that name.",
            f"Name the project my_{name}.",
        )


def _importable(name: str) -> str:
    """Returns the nearest name that a package can have."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    plain = re.sub(r"\W+", "_", plain).strip("_")
    if not plain:
        return "my_project"
    fits = plain[0].isalpha() and not keyword.iskeyword(plain) and not _is_taken(plain)
    return plain if fits else f"my_{plain}"


def _is_taken(name: str) -> bool:
    """Says whether pip or Python would take a package for another of that name."""
    taken = shadowing_modules() | {*_PROJECT_NEEDS, *_IGNORED}
    return _normal(name) in {_normal(other) for other in taken}


def _normal(name: str) -> str:
    """Returns a name as pip compares it."""
    return re.sub("_+", "_", name).lower()
