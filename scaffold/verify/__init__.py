"""Checks a training step against `keras.Model` and against invariants.

- `command.py` is the command. `request.py` validates what it was asked.
- `worker_pool.py` starts child processes; each runs `worker.py`.
- `class_in_file.py` finds the class under test, and `owned_objective.py` its loss and
  metrics. `build_option.py` builds the models of `--build`.
- `checks.py` lists and runs every check. `report.py` prints the verdicts.
- `parity/` compares the class with `keras.Model`, one case per Keras feature.
- `contract/` checks invariants that every training step must satisfy.
- `causes.toml` holds the cause and the fix that a failure is reported with.

Only this package imports Keras and JAX, and only in the child processes or when the
checks are listed.
"""
