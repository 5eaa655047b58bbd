"""Describes the installation: versions, the backend and the devices."""

import json
import os
import platform
import signal
import subprocess
import sys
from collections import Counter
from importlib import metadata

#: What generated code needs, then what the generator needs.
PACKAGES = ("keras", "jax", "jaxlib", "numpy", "black", "click", "jinja2", "tomlkit")

#: How many seconds JAX has to list its devices.
LIMIT = 60

#: Prints the platform and the kind of each device.
LIST_DEVICES = """
import json, jax
print()
print(json.dumps([[d.platform, d.device_kind] for d in jax.devices()]))
"""


def installation() -> dict:
    """Returns the versions, the backend that is set, and the devices of JAX."""
    packages = {name: version(name) for name in PACKAGES}
    devices, error = None, "JAX is not installed."
    if packages["jax"] is not None:
        devices, error = list_devices()
    return {
        "python": platform.python_version(),
        "packages": packages,
        "backend": os.environ.get("KERAS_BACKEND") or None,
        "devices": devices,
        "devices_error": error,
    }


def version(package: str) -> str | None:
    """Returns the version of a package, or `None` if it is not installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def list_devices() -> tuple[list[dict] | None, str | None]:
    """Lists the devices of JAX. A child process imports it, because it can crash.

    Returns:
        The devices and `None`, or `None` and the reason why there are none.
    """
    # Without this, JAX would take most of the memory of a GPU.
    environ = {**os.environ, "XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
    try:
        done = subprocess.run(
            # -P: files in the current folder must not shadow installed modules.
            [sys.executable, "-P", "-c", LIST_DEVICES],
            env={"TF_CPP_MIN_LOG_LEVEL": "3", **environ},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=LIMIT,
        )
    except subprocess.TimeoutExpired:
        return None, f"JAX does not list its devices within {LIMIT} s."
    except OSError as error:
        return None, f"Python cannot be started: {error.strerror}."
    if done.returncode:
        return None, _reason(done)
    try:
        # JAX or its plugins may print as well.
        found = Counter(map(tuple, json.loads(done.stdout.splitlines()[-1])))
    except (IndexError, ValueError):
        return None, "JAX does not list its devices."
    return [
        {"platform": platform, "kind": kind, "count": count}
        for (platform, kind), count in found.items()
    ], None


def _reason(done: subprocess.CompletedProcess) -> str:
    """Returns why the process failed, in one line."""
    if done.returncode < 0:
        return f"JAX crashes: {signal.Signals(-done.returncode).name}."
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    return lines[-1].strip() if lines else f"JAX exits with {done.returncode}."
