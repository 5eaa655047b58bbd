"""Training on several devices and machines, with `keras.distribution`."""

import os
import re

import jax
import jax.experimental.multihost_utils
import keras
import numpy as np

from . import InputError


class SplitWeights(keras.distribution.ModelParallel):
    """Spreads batches over groups of devices, and each weight over those of a group.

    A weight is split along the last of its axes that can be; vectors are not split.
    Override `get_variable_layout()` to split the weights of your model in another way.
    """

    def __init__(self, devices, group_size):
        """Makes groups of `group_size` devices."""
        shape = (len(devices) // group_size, group_size)
        mesh = keras.distribution.DeviceMesh(shape, ("batch", "model"), devices)
        super().__init__(layout_map=keras.distribution.LayoutMap(mesh))

    def get_variable_layout(self, variable):
        """Returns the axes of the mesh that those of a variable are split along."""
        axes, group_size = [None] * len(variable.shape), self.device_mesh.shape[1]
        splittable = [
            n for n, size in enumerate(variable.shape) if size % group_size == 0
        ]
        if len(axes) > 1 and splittable:
            axes[splittable[-1]] = "model"
        return keras.distribution.TensorLayout(axes, self.device_mesh)


def join_processes(addresses=None, num_processes=None, process_id=None):
    """Joins the other processes of a training, if there are any.

    Args:
        addresses: `host:port` of the first process, the same for all.
        num_processes: How many processes train together.
        process_id: The number of this one, from 0.

    What is left out comes from the environment: `KERAS_DISTRIBUTION_JOB_ADDRESSES`,
    `KERAS_DISTRIBUTION_NUM_PROCESSES`, `KERAS_DISTRIBUTION_PROCESS_ID`.

    Raises:
        InputError: If some are given, but not all.
    """
    given = {
        "--coordinator": (addresses, "JOB_ADDRESSES"),
        "--num-processes": (num_processes, "NUM_PROCESSES"),
        "--process-id": (process_id, "PROCESS_ID"),
    }
    for flag, (value, name) in given.items():
        in_environment = os.environ.get(f"KERAS_DISTRIBUTION_{name}")
        given[flag] = in_environment if value is None else value
    missing = [flag for flag, value in given.items() if value is None]
    if len(missing) == len(given):
        return
    if missing:
        raise InputError(f"Several processes also need {', '.join(missing)}.")
    addresses, *numbers = given.values()
    if not re.fullmatch(r".+:\d+", addresses):
        raise InputError(f"--coordinator must be HOST:PORT, not {addresses}.")
    if not all(str(number).isdecimal() for number in numbers):
        raise InputError(f"Processes have numbers, not {numbers}.")
    num_processes, process_id = map(int, numbers)
    if process_id >= num_processes:
        raise InputError(
            f"--process-id must be below {num_processes}, not {process_id}."
        )
    # On the CPU, JAX leaves the choice to us.
    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    keras.distribution.initialize(addresses, num_processes, process_id)


def spread(data_parallel=False, model_parallel=None):
    """Spreads the models to come over the devices of all processes.

    Args:
        data_parallel: Boolean, whether each device trains on a part of each batch.
        model_parallel: Over how many devices each weight is split, or `None`.

    Returns:
        Into how many parts each batch is split.

    Raises:
        InputError: If the devices cannot be shared out so.
    """
    devices = keras.distribution.list_devices()
    if model_parallel:
        if jax.process_count() > 1:
            raise InputError(
                "--model-parallel needs all devices in one process: with several "
                "processes, leave it out."
            )
        if len(devices) % model_parallel:
            raise InputError(
                f"--model-parallel {model_parallel} does not divide the number of "
                f"devices, {len(devices)}."
            )
        devices = devices if data_parallel else devices[:model_parallel]
        distribution = SplitWeights(devices, model_parallel)
    elif data_parallel or jax.process_count() > 1:
        # Each process has its own part of the data already: see `share()`.
        distribution = keras.distribution.DataParallel(
            devices=devices, auto_shard_dataset=False
        )
    else:
        return 1
    keras.distribution.set_distribution(distribution)
    return distribution.device_mesh.shape[0]


def share(part, count):
    """Returns the rows of a part of the data that are for this process.

    Args:
        part: Tuple of arrays of one length.
        count: Into how many parts each batch is split. Rows are left out at the end,
            fewer than `count`, so that all batches can be split.

    Returns:
        A tuple of arrays.

    Raises:
        InputError: If there are too few rows.
    """
    rows = len(part[0]) // count * count
    if rows == 0:
        raise InputError(f"{len(part[0])} rows cannot be split over {count} devices.")
    mine = np.arange(jax.process_index(), rows, jax.process_count())
    return tuple(array[mine] for array in part)


def wait_for_others():
    """Waits until all processes are here."""
    if jax.process_count() > 1:
        jax.experimental.multihost_utils.sync_global_devices("here")
