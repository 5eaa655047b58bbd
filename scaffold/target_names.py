"""The target of `kscaffold new`: a module, a notebook, a project, or `-`."""

import keyword
import os
import re
import sys
import unicodedata
from pathlib import PurePath

from .errors import SpecError

#: Modules that Keras and JAX import. A file of that name beside a script hides them.
_KERAS_NEEDS = (
    "absl h5py jax jaxlib keras ml_dtypes namex numpy opt_einsum optree packaging rich "
    "scipy typing_extensions".split()
)

#: Modules that Keras and JAX import if they are installed.
_KERAS_TRIES = (
    "IPython PIL argcomplete charset_normalizer cloudpickle compression cv2 cycler "
    "cython dateutil etils filelock flatbuffers fontTools huggingface_hub "
    "jax_cuda12_plugin jax_cuda13_plugin jax_plugins jax_rocm60_plugin "
    "jax_rocm7_plugin joblib kiwisolver libtpu lz4 matplotlib mpl_toolkits narwhals "
    "nvidia org pandas psutil pydot pydot_ng pydotplus pygments pyparsing requests "
    "scikits sklearn sksparse tensorflow threadpoolctl torch traitlets tree uarray "
    "web_pdb zstandard".split()
)

#: Modules of Optax, and what it needs.
_OPTAX_NEEDS = ("chex", "optax", "toolz")

#: Packages that a project needs. A package of that name would hide or replace them.
_PROJECT_NEEDS = (
    "_pytest absl_py iniconfig kscaffold pillow pip pluggy pytest python_dateutil "
    "scaffold scikit_learn setuptools tests".split()
)

#: Suffixes of names that mean a file, not a folder.
_OF_FILES = (".py", ".pyi", ".pyw", ".txt")

#: Folders that git ignores in a project.
_IGNORED = ("build", "runs")


def shadowing_modules() -> frozenset[str]:
    """Returns the modules that a generated file would hide if it had their name."""
    needed = {*_KERAS_NEEDS, *_KERAS_TRIES, *_OPTAX_NEEDS}
    return frozenset(sys.stdlib_module_names) | needed


def is_notebook(target: str) -> bool:
    """Returns whether a target is a notebook, judged by its name."""
    return target.endswith(".ipynb")


def is_project(target: str) -> bool:
    """Returns whether a target is the folder of a project."""
    is_file = PurePath(target).suffix == ".py" or is_notebook(target)
    return target != "-" and not is_file


def package_name(target: str) -> str:
    """Returns the name of a project's package, which is the name of its folder."""
    return os.path.basename(os.path.abspath(target))


def first_file(target: str) -> str:
    """Returns a file that is written for a target, whatever the options are."""
    return os.path.join(target, "pyproject.toml") if is_project(target) else target


def check_target(target: str) -> None:
    """Checks that the target can be imported, printed, and hides no other module.

    A notebook is not imported, so it can have any name that can be printed.

    Raises:
        SpecError: If it cannot, with a name to use instead.
    """
    check_printable(target)
    if is_project(target):
        _check_project(target)
    elif target != "-" and not is_notebook(target):
        _check_module(PurePath(target))


def check_printable(target: str) -> None:
    """Checks that a target fits into a comment.

    Raises:
        SpecError: If it has characters such as line ends.
    """
    if not target.isprintable():
        raise SpecError(
            f"The target {target!r} has characters that cannot be printed.",
            "Name it with letters, digits and underscores.",
            code="target-invalid",
        )


def _check_module(path: PurePath) -> None:
    if not _is_importable(path.stem):
        raise SpecError(
            f"A file {path.name} cannot be imported: "
            f"{path.stem!r} is not a name that Python allows for a module.",
            f"Name it {path.with_stem(_importable(path.stem))}.",
            code="target-invalid",
        )
    if path.stem in shadowing_modules():
        raise SpecError(
            f"A file {path.name} would hide the module {path.stem}, which it imports.",
            f"Name it {path.with_stem(f'my_{path.stem}')}.",
            code="target-invalid",
        )


def _check_project(target: str) -> None:
    name = package_name(target) if target else ""
    # Python's rules for a module, and pip's for a distribution.
    if not re.fullmatch("[A-Za-z]([A-Za-z0-9_]*[A-Za-z0-9])?", name) or (
        keyword.iskeyword(name)
    ):
        path = PurePath(name)
        fits = _importable(path.stem if path.suffix.lower() in _OF_FILES else name)
        raise SpecError(
            f"{name!r} cannot be the name of a Python package, and has no suffix .py.",
            f"Name the project {fits}, or one module {fits}.py.",
            code="target-invalid",
        )
    if _is_taken(name):
        raise SpecError(
            f"A package {name} would hide or replace another of that name.",
            f"Name the project my_{name}.",
            code="target-invalid",
        )


def _is_importable(name: str) -> bool:
    """Returns whether `import` finds a module of that name, in any alphabet."""
    # Python normalizes names in source code, but not the names of files.
    is_normal = name == unicodedata.normalize("NFKC", name)
    return name.isidentifier() and is_normal and not keyword.iskeyword(name)


def _importable(name: str) -> str:
    """Returns the nearest name that a module or a package can have."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    words = re.sub(r"[\W_]+", "_", plain).strip("_").split("_")
    # Words that start with a digit go last: `3d-model` becomes `model_3d`.
    plain = "_".join(sorted(words, key=lambda word: word[:1].isdigit()))
    if not plain:
        return "my_project"
    if keyword.iskeyword(plain):
        return f"{plain}_model"
    if plain[0].isdigit():
        return f"model_{plain}"
    return f"my_{plain}" if _is_taken(plain) else plain


def _is_taken(name: str) -> bool:
    """Returns whether pip or Python would confuse a package with another one."""
    taken = shadowing_modules() | {*_PROJECT_NEEDS, *_IGNORED}
    return _normal(name) in {_normal(other) for other in taken}


def _normal(name: str) -> str:
    """Returns a name as pip compares it."""
    return re.sub("_+", "_", name).lower()
