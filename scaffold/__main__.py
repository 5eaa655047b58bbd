"""Runs the command `kscaffold` as `python -m scaffold`."""

from .cli import main

if __name__ == "__main__":
    main(prog_name="kscaffold")
