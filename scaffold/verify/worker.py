"""The child process of `kscaffold verify`: it imports the file and runs the cases.

It reads one JSON object, the request, from standard input, and answers with one JSON
object a line. Whatever the file under test prints goes to standard error.
"""

import gc
import json
import os
import sys
from dataclasses import asdict

from ..errors import KscaffoldError


def serve() -> None:
    """Runs the cases of a request."""
    sys.path.append(os.getcwd())  # for --build MODULE:FUNCTION
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def answer(**fields):
        answers.write(json.dumps(fields) + "\n")
        answers.flush()

    request = json.loads(sys.stdin.readline())
    from . import catalog, loading

    # What is imported by now stays: it need not be searched for garbage.
    gc.freeze()
    try:
        plan = catalog.select(request["pattern"], request["quick"])
        under_test = loading.subject_of_file(
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
        answer(error=f"{request['path']} cannot be used: {what}", hint="")
        return
    names = request.get("names")
    if names is None:
        start, step = request["share"]
        names = [check.name for check in plan][start::step]
    answer(plan={check.name: check.group for check in plan}, names=names)
    checks = {check.name: check for check in plan}
    for name in names:
        answer(begins=name)
        answer(verdict=asdict(catalog.run(checks[name], under_test)))


if __name__ == "__main__":
    serve()
