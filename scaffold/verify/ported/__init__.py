"""Compares a ported training step with the original on another backend.

- `processes.py` starts both sides in child processes, and returns the verdicts.
- `side.py` is the child process of a side. `exchange.py` is the file format in which
  weights, batches and results travel.
- `random_stream.py` gives both sides the same random numbers. `direct_draws.py` finds
  the random numbers that do not come from `keras.random`.
- `weights.py` pairs the weights of both models. `recording.py` trains, evaluates and
  records each step.
- `comparison.py` compares the results: `steps.py` the numbers of a step, within the
  limits of `tolerance.py`, `draws.py` the random numbers, and `optimizers.py` the
  optimizers. `first_difference.py` describes what differs first.
- `check_list.py` names the checks.
"""

from .processes import run

__all__ = ["run"]
