"""Runs the command `kscaffold`, also as `python -m scaffold`."""

import os

try:
    import signal
except KeyboardInterrupt:
    os._exit(130)


def main() -> None:
    """Runs the command line. Ctrl-C can also end its imports."""
    # Python would print a traceback, or ignore an error inside its import locks.
    interrupt = signal.getsignal(signal.SIGINT)
    if interrupt is signal.default_int_handler:
        signal.signal(signal.SIGINT, lambda number, frame: os._exit(130))
    from .cli import main

    signal.signal(signal.SIGINT, interrupt)
    main(prog_name="kscaffold")


if __name__ == "__main__":
    main()
