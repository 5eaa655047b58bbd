"""The files in which weights, batches and results travel between the processes.

A file is an `.npz` of arrays, with the structure that contains them as JSON. It holds
no pickles: the file under test could have written it.
"""

import json
import os
import zipfile
from pathlib import Path

import numpy as np

#: The name of the array that holds the structure.
STRUCTURE = "structure"


def write(path: Path, tree) -> None:
    """Writes a structure of dicts, lists, tuples, arrays and JSON values.

    The file appears at once, so that another process can wait for it.

    Raises:
        TypeError: If an array holds Python objects.
    """
    arrays = []
    structure = json.dumps(_pack(tree, arrays)).encode("ascii")
    named = {f"a{number}": array for number, array in enumerate(arrays)}
    part = path.with_suffix(".part")
    with open(part, "wb") as file:
        np.savez(file, **named, **{STRUCTURE: np.frombuffer(structure, "uint8")})
    os.replace(part, path)


def read(path: Path):
    """Reads what `write()` has written.

    Raises:
        ValueError: If the file is missing or damaged.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            return _unpack(json.loads(file[STRUCTURE].tobytes()), file)
    except (OSError, KeyError, TypeError, ValueError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path.name} cannot be read: {error}") from error


def _pack(tree, arrays: list):
    """Returns the JSON form of a structure, and collects its arrays."""
    if isinstance(tree, dict):
        return {"dict": [[str(k), _pack(v, arrays)] for k, v in tree.items()]}
    if isinstance(tree, list | tuple):
        kind = "list" if isinstance(tree, list) else "tuple"
        return {kind: [_pack(value, arrays) for value in tree]}
    if tree is None or isinstance(tree, bool | int | float | str):
        return {"value": tree}
    array = np.asarray(tree)
    if array.dtype.kind == "O":
        raise TypeError(f"an array of {type(array.flat[0]).__name__} objects")
    if array.dtype.kind == "V":  # bfloat16, which NumPy cannot save
        array = array.astype("float32")
    arrays.append(array)
    return {"array": len(arrays) - 1}


def _unpack(packed: dict, arrays):
    """Returns the structure that `_pack()` has packed."""
    [(kind, value)] = packed.items()
    if kind == "dict":
        return {key: _unpack(item, arrays) for key, item in value}
    if kind == "list":
        return [_unpack(item, arrays) for item in value]
    if kind == "tuple":
        return tuple(_unpack(item, arrays) for item in value)
    return arrays[f"a{value}"] if kind == "array" else value
