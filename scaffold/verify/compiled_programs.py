"""Frees compiled programs before a process has too many of them for Linux."""

import gc
import os
import sys

#: The memory mappings of this process, on Linux.
MAPPINGS = "/proc/self/maps"


def free_programs(allowed: int = 25_000) -> None:
    """Frees all compiled programs if a process has too many memory mappings.

    Linux allows 65,530. JAX keeps some for each program, and aborts when it gets no
    more. Keras compiles thousands of programs when a model runs eagerly.

    Args:
        allowed: The number of mappings up to which programs are kept.
    """
    if "jax" in sys.modules and os.path.exists(MAPPINGS) and mappings() > allowed:
        sys.modules["jax"].clear_caches()
        gc.collect()


def mappings() -> int:
    """Counts the memory mappings of this process."""
    with open(MAPPINGS, encoding="utf-8", errors="replace") as file:
        return sum(1 for _ in file)
