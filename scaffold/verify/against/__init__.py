"""Compares a training step with another implementation, or with recorded numbers.

- `implementation.py` finds what `--against` names. `git_revision.py` exports it.
- `measure.py` runs the checks in a worker, and collects the numbers of each.
- `numbers.py` turns results into named values, and values into text.
- `comparison.py` compares the numbers of two implementations.
- `recording.py` writes and reads the numbers as a file.
- `run.py` measures each implementation in processes of its own, because two versions of
  a module cannot be imported into one process, and compares them.
"""
