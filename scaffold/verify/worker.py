"""The child process of `kscaffold verify`: imports the file and runs the checks.

`process_guard.py` starts it. Its folder has the request as a JSON object, and gets the
answers. What the file under test prints goes to standard output and standard error.
"""

import gc
import json
import os
import sys
import traceback
from dataclasses import asdict
from pathlib import Path
from typing import NoReturn

from ..errors import KscaffoldError
from ..regular_files import shown
from ..target_names import is_notebook
from .against.origin import check_origin, import_from_export
from .answers import ANSWERS, REQUEST, AnswerWriter
from .compiled_programs import free_programs
from .notebook import compiled
from .request import TOO_DEEP, import_hint
from .verdict import describe, raised


def run() -> NoReturn:
    """Runs the worker in this process, whose only argument is the folder, and exits."""
    status = 1
    try:
        serve(Path(sys.argv[1]))
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        # The file's threads and its functions of `atexit` could hang.
        os._exit(status)


def serve(folder: Path) -> None:
    """Runs the checks of a request."""
    sys.path.append(os.getcwd())  # for --build MODULE:FUNCTION
    request = json.loads((folder / REQUEST).read_text(encoding="ascii"))
    measured = request.get("measured")
    if measured and measured["moved"]:
        import_from_export(*measured["moved"])
    path = request["path"]
    sys.argv[:] = [path]  # not this module's, in case the file reads them
    answer = AnswerWriter(folder / ANSWERS).write
    error = _syntax_error(path)
    if error is not None:
        answer(error=error.message, hint=error.hint, code=error.code)
        return
    answer(parsed=True)
    if "side" in request:
        from .ported import side

        side.serve(request, answer)
        return
    from . import checks
    from .class_in_file import find_class

    # The imported modules stay alive: the garbage collector can skip their objects.
    gc.freeze()
    try:
        selected = {check.name: check for check in _selected(request, measured)}
        tested = find_class(
            os.path.abspath(path),
            request["class_name"],
            request["loss"],
            tuple(request["metrics"]),
            request["build"],
            request["batch_size"],
        )
        if measured:
            check_origin(tested, path, measured["moved"])
    except KscaffoldError as error:
        answer(error=error.message, hint=error.hint, code=error.code)
        return
    except BaseException as error:
        what = describe(error).rstrip(".")
        answer(
            error=f"Importing {shown(Path(path))} raises {what}.",
            hint=import_hint(path, error=what),
            code="import-failed",
        )
        return
    if not tested.build:
        selected = {n: c for n, c in selected.items() if not getattr(c, "built", False)}
    names = request.get("names")
    if names is None:
        start, step = request["share"]
        names = list(selected)[start::step]
    answer(groups={check.name: check.group for check in selected.values()}, names=names)
    queue = [(name, False) for name in names]
    for name, again in queue:
        answer(begins=name)
        try:
            if measured:
                verdict, numbers = checks.collect(
                    selected[name], tested, measured["rounded"]
                )
                answer(numbers=numbers)
            else:
                verdict = checks.run(selected[name], tested)
        except BaseException as error:  # such as the SystemExit of sys.exit()
            verdict = raised(selected[name], error)
        if not again and any("unexplained" in c for c in verdict.explained_by):
            # The mistakes that other checks prove may explain it, two at a time.
            queue.append((name, True))
            answer(postponed=name)
        else:
            answer(verdict=asdict(verdict))
        free_programs()


def _selected(request: dict, measured: dict | None) -> list:
    """Selects the checks of a request. Invariants are not compared."""
    from . import checks

    pattern, quick = request["pattern"], request["quick"]
    if not measured:
        return checks.select(pattern, quick)
    # With --only, they are checked as usual.
    among = checks.CHECKS if pattern else checks.CASES
    names = measured["names"]
    selected = checks.select(pattern, quick, among)
    found = [check for check in selected if names is None or check.name in names]
    if not found:
        raise KscaffoldError(
            "The recording has none of the selected checks.",
            "Omit --only and --quick to run every check of it.",
            code="check-unknown",
        )
    return found


def _syntax_error(path: str) -> KscaffoldError | None:
    """Returns why Python cannot compile a file. It may also crash the interpreter."""
    name = shown(Path(path))
    try:
        if is_notebook(path):
            compiled(path)
        else:
            compile(Path(path).read_bytes(), path, "exec", dont_inherit=True)
    except KscaffoldError as error:
        return error
    except (SyntaxError, ValueError) as error:
        return KscaffoldError(
            f"{name} is not valid Python: {error}.",
            "Fix the error, or name a .py file.",
            code="source-invalid",
        )
    except (RecursionError, MemoryError) as error:
        return KscaffoldError(
            f"{name} cannot be parsed: {describe(error)}.",
            TOO_DEEP,
            code="source-invalid",
        )
    return None
