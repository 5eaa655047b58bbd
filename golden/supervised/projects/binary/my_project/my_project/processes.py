"""Joins several processes to one training, and ends all of them if one fails."""

import os
import re
from contextlib import contextmanager

import jax
import jax.experimental.multihost_utils
import keras
import numpy as np

from . import InputError


def join_processes(coordinator=None, num_processes=None, process_id=None):
    """Joins the other processes of the training, if there are any.

    Arguments that are `None` come from the environment variables
    `KERAS_DISTRIBUTION_JOB_ADDRESSES`, `KERAS_DISTRIBUTION_NUM_PROCESSES` and
    `KERAS_DISTRIBUTION_PROCESS_ID`.

    Args:
        coordinator: `HOST:PORT` of process 0, the same for all processes.
        num_processes: Number of processes that train together.
        process_id: Number of this process, from 0.

    Raises:
        InputError: If a value is invalid, or if only some are given.
    """
    given = {
        "--coordinator": (coordinator, "JOB_ADDRESSES"),
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
    coordinator, *numbers = given.values()
    if not re.fullmatch(r".+:\d+", coordinator):
        raise InputError(f"--coordinator must be HOST:PORT, not {coordinator}.")
    if not all(str(number).isdecimal() for number in numbers):
        raise InputError(
            f"--num-processes and --process-id must be integers, not {numbers}."
        )
    num_processes, process_id = map(int, numbers)
    if process_id >= num_processes:
        raise InputError(
            f"--process-id must be below {num_processes}, not {process_id}."
        )
    # On CPUs, JAX needs to be told how processes communicate.
    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    keras.distribution.initialize(coordinator, num_processes, process_id)


def wait_for_others():
    """Waits for all processes."""
    if jax.process_count() > 1:
        jax.experimental.multihost_utils.sync_global_devices("trained")


@contextmanager
def together():
    """Raises an error of a `with` block in all processes, if it fails in one of them.

    Otherwise, the others would wait for it. The block must not synchronize processes.

    Raises:
        InputError: In the processes in which the block succeeded.
    """
    error = None
    try:
        yield
    except Exception as caught:
        error = caught
    if jax.process_count() > 1:
        gather = jax.experimental.multihost_utils.process_allgather
        failed = gather(np.int32(error is not None))
        if failed.any() and error is None:
            raise InputError(
                f"Process {failed.argmax()} failed. See its message, then start all "
                "processes again."
            )
    if error is not None:
        raise error


def in_first_process(function, *arguments):
    """Calls a function in process 0 only. If it fails, all processes fail.

    Args:
        function: The function. It can save a model.
        *arguments: Its arguments.

    Raises:
        InputError: In the other processes, if the function fails.
    """
    with together():
        if jax.process_index() == 0:
            # To save a model, Keras creates a variable. With a distribution, that
            # would wait for the other processes.
            distribution = keras.distribution.distribution()
            keras.distribution.set_distribution(None)
            try:
                function(*arguments)
            finally:
                keras.distribution.set_distribution(distribution)
