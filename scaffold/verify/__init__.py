"""Checks a training step against `keras.Model` and against invariants.

- `command.py` is the command. `request.py` validates what it was asked.
- `worker_pool.py` runs the checks in workers, and limits the time of each.
  `child_process.py` starts and ends a worker, and `answers.py` is what it answers.
- `process_guard.py` is the child process. It runs `worker.py`, and ends with kscaffold.
- `class_in_file.py` finds the class under test, and `owned_objective.py` its loss and
  metrics. `build_function.py` finds the function of `--build`, and `build_option.py`
  builds its models.
- `file_import.py` imports a file as its package does, and `notebook.py` runs the cells
  of a notebook. `module_classes.py` finds the class in a module. `definitions.py` finds
  its lines, and `keras_classes.py` restores its bases.
- `checks.py` lists and runs every check. `report.py` prints the verdicts.
- `parity/` compares the class with `keras.Model`, one case per Keras feature.
- `contract/` checks invariants that every training step must satisfy.
- `verdict.py` is the result of a check. `user_lines.py` finds the user's line in an
  error, `error_facts.py` what the error does not say. `watched_steps.py` and
  `step_results.py` refuse what Keras cannot use.
- `causes.toml` holds the cause, the fix and the code that a failure is reported with.

Only this package imports Keras and JAX, and only in the child processes or when the
checks are listed.
"""
