"""Spreads a training over devices, with `keras.distribution`."""

import jax
import keras
import numpy as np

from . import InputError


class SplitWeights(keras.distribution.ModelParallel):
    """Splits batches over groups of devices, and each weight over a group's devices.

    A weight is split along the last axis whose size the group's size divides. Vectors
    are not split. Override `get_variable_layout()` to change this for your model.
    """

    def __init__(self, devices, group_size):
        """Initializes the mesh.

        Args:
            devices: List of the names of the devices.
            group_size: Number of devices per group. It divides the number of devices.
        """
        shape = (len(devices) // group_size, group_size)
        mesh = keras.distribution.DeviceMesh(shape, ("batch", "model"), devices)
        super().__init__(layout_map=keras.distribution.LayoutMap(mesh))

    def get_variable_layout(self, variable):
        """Returns the `TensorLayout` of a variable."""
        axes, group_size = [None] * len(variable.shape), self.device_mesh.shape[1]
        divisible = [
            axis for axis, size in enumerate(variable.shape) if size % group_size == 0
        ]
        if len(axes) > 1 and divisible:
            axes[divisible[-1]] = "model"
        return keras.distribution.TensorLayout(axes, self.device_mesh)


def spread(data_parallel=False, model_parallel=None):
    """Distributes models that are built from now on over all devices.

    Args:
        data_parallel: Boolean, whether to split batches.
        model_parallel: Number of devices to split each weight over, or `None`.

    Returns:
        The number of shares that each batch is split into.

    Raises:
        InputError: If the devices cannot be divided in this way.
    """
    devices = keras.distribution.list_devices()
    if model_parallel:
        if jax.process_count() > 1:
            raise InputError(
                "--model-parallel needs all devices in one process. Leave it out with "
                "several processes."
            )
        if len(devices) % model_parallel:
            raise InputError(
                f"--model-parallel {model_parallel} does not divide the number of "
                f"devices, {len(devices)}."
            )
        devices = devices if data_parallel else devices[:model_parallel]
        distribution = SplitWeights(devices, model_parallel)
    elif data_parallel or jax.process_count() > 1:
        # `share()` already gives each process its own rows.
        distribution = keras.distribution.DataParallel(
            devices=devices, auto_shard_dataset=False
        )
    else:
        return 1
    keras.distribution.set_distribution(distribution)
    return distribution.device_mesh.shape[0]


def share(data, count):
    """Returns the rows for this process, and says how many rows are left out.

    Every batch is split into `count` shares, also the last one. So the number of rows
    must be a multiple of `count`, and rows at the end are left out.

    Args:
        data: Dict of the splits of the data, each a tuple of arrays.
        count: The number of shares that each batch is split into.

    Returns:
        A dict like `data`.

    Raises:
        InputError: If a split has fewer than `count` rows.
    """
    shared = {}
    for name, split in data.items():
        total = len(split[0])
        rows = total // count * count
        if rows == 0:
            raise InputError(
                f"{name}: {total} rows cannot be split over {count} devices."
            )
        if rows < total and jax.process_index() == 0:
            kind = "training" if name == "train" else name
            print(
                f"Leaving out {total - rows} of {total} {kind} rows: "
                f"{count} devices share each batch equally."
            )
        mine = np.arange(jax.process_index(), rows, jax.process_count())
        shared[name] = tuple(array[mine] for array in split)
    return shared
