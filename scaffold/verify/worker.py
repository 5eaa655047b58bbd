"""The child process of `kscaffold verify`: imports the file and runs the checks.

It reads the request as one JSON object from standard input, and answers with one JSON
object per line. What the file under test prints goes to standard error.
"""

import gc
import json
import os
import sys
from dataclasses import asdict

from ..errors import KscaffoldError


def serve() -> None:
    """Runs the checks of a request."""
    sys.path.append(os.getcwd())  # for --build MODULE:FUNCTION
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def answer(**fields):
        answers.write(json.dumps(fields) + "\n")
        answers.flush()

    request = json.loads(sys.stdin.readline())
    from . import checks
    from .class_in_file import find_class

    # The imported modules stay alive: the garbage collector can skip their objects.
    gc.freeze()
    try:
        selected = {
            c.name: c for c in checks.select(request["pattern"], request["quick"])
        }
        tested = find_class(
            os.path.abspath(request["path"]),
            request["class_name"],
            request["loss"],
            tuple(request["metrics"]),
            request["build"],
        )
    except KscaffoldError as error:
        answer(error=error.message, hint=error.hint)
        return
    except Exception as error:
        what = f"{type(error).__name__}: {error}".strip()
        answer(
            error=f"Importing {request['path']} raises {what.rstrip('.')}.",
            hint="Make sure that Python can import the file.",
        )
        return
    names = request.get("names")
    if names is None:
        start, step = request["share"]
        names = list(selected)[start::step]
    answer(groups={check.name: check.group for check in selected.values()}, names=names)
    for name in names:
        answer(begins=name)
        answer(verdict=asdict(checks.run(selected[name], tested)))


if __name__ == "__main__":
    serve()
