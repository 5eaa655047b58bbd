"""`python -m scaffold` is the command `kscaffold`."""

from .cli import main

if __name__ == "__main__":
    main(prog_name="kscaffold")
