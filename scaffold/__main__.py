"""Runs the command `kscaffold`, also as `python -m scaffold`."""

import sys


def main() -> None:
    """Runs the command line. The imports are a part of it that Ctrl-C can end."""
    try:
        from .cli import main

        main(prog_name="kscaffold")
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
