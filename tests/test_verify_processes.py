"""No end of `kscaffold verify` leaves a process, and no file under test breaks it.

Every process that a test starts inherits a variable of the environment with a value of
its own, by which the test finds the processes that are left.
"""

import contextlib
import json
import os
import resource
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

import numpy as np
import pytest
from matrix import text

from scaffold import Spec
from scaffold.standard_output import print_text
from scaffold.verify import worker_pool
from scaffold.verify.answers import AnswerReader, AnswerWriter
from scaffold.verify.child_process import MAX_OUTPUT
from scaffold.verify.compiled_programs import MAPPINGS, free_programs, mappings
from scaffold.verify.request import Request

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/environ").exists(), reason="processes are found in /proc"
)

MARKER = "KSCAFFOLD_TEST_PROCESSES"

#: Runs the command with a limit for imports that a test can wait for. A shell makes its
#: background processes ignore SIGINT, and they pass that on.
SCRIPT = """
import signal
import sys

for number in (signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, signal.SIG_DFL)
signal.signal(signal.SIGINT, signal.default_int_handler)

from scaffold.__main__ import main
from scaffold.verify import worker_pool

worker_pool.IMPORT_LIMIT = float(sys.argv.pop(1))
main()
"""

#: The part of a file that starts processes and threads, and refuses to end.
CLINGING = """
import atexit
import os
import signal
import subprocess
import sys
import threading
import time

for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
    signal.signal(number, signal.SIG_IGN)
subprocess.Popen(["sleep", "1000"])
threading.Thread(target=time.sleep, args=[1000]).start()
atexit.register(time.sleep, 1000)
"""

READY = "open({ready!r}, 'w').close()\n"

#: What a file can do forever. The second keeps Python's lock.
ENDLESS = {
    "sleeps": "time.sleep(1000)",
    "matches": "import re; re.match('(a*)*b', 'a' * 100)",
    "stops": "os.kill(os.getpid(), signal.SIGSTOP)",
    "stops its group": "os.killpg(0, signal.SIGSTOP)",
    "leaves the group": "os.setsid(); time.sleep(1000)",
}


class Run:
    """A run of `kscaffold verify` in a process of its own."""

    def __init__(self, path, *arguments, import_limit=60, **settings):
        """Starts it."""
        self.marker = uuid.uuid4().hex
        self.temporary = path.parent / "temporary"
        self.temporary.mkdir()
        self.process = subprocess.Popen(
            [sys.executable, "-c", SCRIPT, str(import_limit), "verify", str(path)]
            + ["--only", "losses: plain", "--jobs", "1", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={
                **os.environ,
                MARKER: self.marker,
                "TMPDIR": str(self.temporary),
            },
            **settings,
        )

    def wait(self):
        """Waits for its end. Returns the exit status, and what it printed."""
        try:
            printed = self.process.communicate(timeout=100)
        finally:
            self.process.kill()
        return self.process.returncode, *printed

    def left(self):
        """Lists the commands of its processes that still run after three seconds."""
        limit = time.monotonic() + 3
        while (found := self._running()) and time.monotonic() < limit:
            time.sleep(0.02)
        for process in found:
            os.kill(process, signal.SIGKILL)
        return [*found.values()]

    def _running(self):
        wanted, found = f"{MARKER}={self.marker}".encode(), {}
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if wanted in (folder / "environ").read_bytes().split(b"\0"):
                    found[int(folder.name)] = (folder / "cmdline").read_bytes()
            except OSError:
                continue  # it has ended, or belongs to another user
        return found


def write(folder, source):
    """Writes a file to verify."""
    path = folder / "model.py"
    path.write_text(source, encoding="utf-8")
    return path


def wait_for(path):
    """Waits for a file that the file under test writes."""
    limit = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < limit, "the file under test was not imported"
        time.sleep(0.02)


def test_processes_are_found(tmp_path):
    """The search for processes finds children and what they start."""
    run = Run(write(tmp_path, CLINGING + "time.sleep(1000)"))
    run.process.kill()
    run.process.communicate()
    orphan = subprocess.Popen(["sleep", "1000"], env={MARKER: run.marker})

    for _ in range(50):  # The environment of a new process may not be there at once.
        if found := run.left():
            break
        time.sleep(0.1)

    assert [b"sleep\x001000\x00"] == found
    assert -signal.SIGKILL == orphan.wait()


@pytest.mark.parametrize(
    ("signals", "status"),
    [
        ("SIGINT", 130),
        ("SIGTERM", 143),
        ("SIGKILL", -9),
        pytest.param("SIGHUP", 129, marks=pytest.mark.exhaustive),
        pytest.param("SIGINT SIGINT", 130, marks=pytest.mark.exhaustive),
        pytest.param("SIGTERM SIGINT", None, marks=pytest.mark.exhaustive),
        pytest.param("SIGINT SIGKILL", -9, marks=pytest.mark.exhaustive),
    ],
)
def test_signal(tmp_path, signals, status):
    """A signal ends `verify` and all processes, without a traceback."""
    ready = tmp_path / "ready"
    source = CLINGING + READY.format(ready=str(ready)) + "time.sleep(1000)"
    run = Run(write(tmp_path, source))
    wait_for(ready)
    for name in signals.split():
        run.process.send_signal(getattr(signal, name))
    start = time.monotonic()
    found, _, errors = run.wait()

    assert [] == run.left()
    assert "Traceback" not in errors
    assert "SIGKILL" in signals or [] == [*run.temporary.iterdir()]
    assert found == status or (status is None and found in (130, 143))
    assert time.monotonic() - start < 10


@pytest.mark.exhaustive
@pytest.mark.parametrize("delay", [0.05, 0.1, 0.2, 0.4, 0.8])
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGKILL"])
def test_early_signal(tmp_path, name, delay):
    """A signal while the processes start ends them, too."""
    run = Run(write(tmp_path, "import time\ntime.sleep(1000)"), "--jobs", "3")
    time.sleep(delay)
    # Python loses a KeyboardInterrupt in a callback of its import locks.
    while run.process.poll() is None:
        run.process.send_signal(getattr(signal, name))
        with contextlib.suppress(subprocess.TimeoutExpired):
            run.process.wait(timeout=5)
    run.wait()

    assert [] == run.left()


@pytest.mark.parametrize(
    ("end", "message"),
    [
        ("raise RuntimeError('boo')", "raises RuntimeError: boo (at "),
        ("os._exit(3)", "fails: the process ended with status 3."),
        *(
            pytest.param(*case, marks=pytest.mark.exhaustive)
            for case in [
                ("sys.exit()", "raises SystemExit (at "),
                ("raise KeyboardInterrupt", "raises KeyboardInterrupt (at"),
                ("os.kill(os.getpid(), 11)", "fails: the process ended by SIGSEGV."),
                ("os.killpg(0, 9)", "fails: the process ended by SIGKILL."),
                ("os.kill(os.getppid(), 9); time.sleep(1000)", "ended by SIGKILL."),
                ("if os.fork(): os._exit(4)", "the process ended with status 4."),
                (
                    "import resource as r; r.setrlimit(r.RLIMIT_FSIZE, (0, 0))",
                    "fails: the process ended with status 1.",
                ),
                ("import keras", "defines no subclass of keras.Model"),
            ]
        ),
    ],
)
def test_import_fails(tmp_path, end, message):
    """A file that cannot be imported is an error, and its processes are ended."""
    run = Run(write(tmp_path, CLINGING + end))
    status, printed, errors = run.wait()

    assert [] == run.left()
    assert (2, "") == (status, printed)
    assert message in errors
    assert "Traceback" not in errors


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.exhaustive if name != "matches" else ())
        for name in ENDLESS
    ],
)
def test_import_does_not_end(tmp_path, name):
    """A file whose import does not end is an error after the limit."""
    run = Run(
        write(tmp_path, CLINGING + ENDLESS[name]), "--timeout", "1", import_limit=3
    )
    status, printed, errors = run.wait()

    assert [] == run.left()
    assert (2, "") == (status, printed)
    assert "fails: no result after 4 s" in errors


@pytest.mark.exhaustive
def test_output_is_limited(tmp_path):
    """A file that prints forever does not fill the disk."""
    source = "import os\nwhile True:\n    os.write(1, b'x' * 10**6)\n"
    run = Run(write(tmp_path, source), "--timeout", "2", import_limit=3)
    largest = 0
    while run.process.poll() is None:
        sizes = [os.path.getsize(path) for path in run.temporary.rglob("output")]
        largest = max([largest, *sizes])
        time.sleep(0.01)

    assert [] == run.left()
    assert 10 * 2**20 < largest < 8 * MAX_OUTPUT


#: The part of a file that breaks what a process of Python has.
MESSY = """
import contextlib


def shout():
    with contextlib.suppress(OSError):
        for _ in range(1000):
            print({forged})


shout()
for descriptor in range(100):
    with contextlib.suppress(OSError):
        os.write(descriptor, {forged}.encode())
    with contextlib.suppress(OSError):
        os.close(descriptor)
threading.Thread(target=shout).start()
os.chdir("/")
sys.argv.clear()
sys.stderr = None
FORKED = not os.fork()
if not FORKED:
    time.sleep(0.3)  # so that the other process is first
"""


def model(step):
    """Returns a generated file with a line in its step."""
    head, start, rest = text(Spec(demo=False)).partition(
        "def train_step(self, state, data):\n"
    )
    return f"{head}{start}        {step}\n{rest}"


def forged(name, outcome):
    """Returns answers as a worker would give them."""
    fields = ("group", "detail", "cause", "fix", "code")
    verdict = dict.fromkeys(fields, "") | {"name": name, "outcome": outcome}
    verdict |= {"builds_on": [], "parts": []}
    answers = [{"parsed": True}, {"groups": {name: ""}, "names": [name]}]
    answers += [{"begins": name}, {"verdict": verdict}]
    return "\n".join(map(json.dumps, answers))


@pytest.mark.parametrize(
    ("step", "outcome"),
    [
        ("pass", "exact"),
        pytest.param("raise ValueError", "raises", marks=pytest.mark.exhaustive),
        pytest.param("sys.exit()", "raises", marks=pytest.mark.exhaustive),
        pytest.param("os.fork()", "exact", marks=pytest.mark.exhaustive),
        pytest.param("assert not FORKED", "exact", marks=pytest.mark.exhaustive),
        pytest.param("os._exit(0)", "raises", marks=pytest.mark.exhaustive),
        pytest.param("time.sleep(1000)", "raises", marks=pytest.mark.exhaustive),
    ],
)
def test_verdict(tmp_path, step, outcome):
    """The file cannot forge a verdict, or prevent it, and its processes are ended."""
    lie = forged("plain", "raises" if outcome == "exact" else "exact")
    source = CLINGING + MESSY.replace("{forged}", repr(f"\n{lie}\n"))
    path = write(tmp_path, model(step) + source)
    run = Run(path, "--json", "--timeout", "10")
    status, printed, errors = run.wait()

    assert [] == run.left()
    assert [] == [*run.temporary.iterdir()]
    assert "Traceback" not in errors, errors
    [verdict] = json.loads(printed)["cases"]
    assert ("plain", outcome) == (verdict["name"], verdict["outcome"]), verdict
    assert int(outcome == "raises") == status


@pytest.mark.exhaustive
def test_processes_of_a_failed_check(tmp_path):
    """A new process replaces one that crashes, and both are ended."""
    run = Run(
        write(tmp_path, model("os._exit(5)") + CLINGING), "--only", "losses: [pw]*"
    )
    status, printed, _ = run.wait()

    assert [] == run.left()
    assert 1 == status, printed
    assert "the process ended with status 5" in printed
    assert "2 raises" in printed


def small_stack():
    """Limits the stack of a process, so that deep nesting crashes Python's parser."""
    resource.setrlimit(resource.RLIMIT_STACK, (2**19, 2**19))


def test_parser_crashes(tmp_path):
    """A file that crashes Python's parser is an error with a hint."""
    path = write(tmp_path, f"x = {'-' * 60_000}1\n")
    run = Run(path, preexec_fn=small_stack)
    status, printed, errors = run.wait()

    assert [] == run.left()
    assert (2, "") == (status, printed)
    assert "model.py cannot be parsed: the process ended by SIGSEGV." in errors
    assert "Hint: Simplify the file." in errors


ODD_ERROR = """
class Odd(BaseException):
    def __str__(self):
        {body}


raise Odd
"""


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            "return 'a\\ud800\\udcff\\x1b[2Jz' + 'x' * 10**7",
            r"Odd: a\ud800\udcff\x1b[2Jzxx",
        ),
        pytest.param(
            "return 1",
            "Odd: str() of it raises TypeError (at",
            marks=pytest.mark.exhaustive,
        ),
        pytest.param(
            "sys.exit()",
            "Odd: str() of it raises SystemExit (at",
            marks=pytest.mark.exhaustive,
        ),
    ],
    ids=["text", "number", "exit"],
)
def test_odd_error(tmp_path, body, message):
    """The text of an error can be anything."""
    run = Run(write(tmp_path, "import sys\n" + ODD_ERROR.format(body=body)), "--json")
    status, printed, errors = run.wait()

    assert 2 == status
    assert message in errors
    assert message in json.loads(printed)["error"]["message"]
    assert len(errors) < 1000


def test_lone_surrogates_are_printed(capfdbinary):
    """Bytes are printed as they are, and other lone surrogates as escapes."""
    print_text("\xe4 \udcff \ud800\n")

    assert b"\xc3\xa4 \xff \\ud800\n" == capfdbinary.readouterr().out


# The answers of a worker.


def test_answers(tmp_path):
    """Complete lines with the fields of an answer are read once, and nothing else."""
    path = tmp_path / "answers"
    reader, writer = AnswerReader(path), AnswerWriter(path)
    assert [] == reader.read()
    writer.write(begins="\ud800")
    assert [{"begins": "\ud800"}] == reader.read() + reader.read()
    bad = [b"", b"\xff", b"[", b"1", b"[" * 10**5, b'{"begins": 1}', b'{"verdict": {}}']
    with open(path, "ab") as file:
        file.write(b"\n".join([*bad, b'{"begins": "a"}', b'{"begins"']))
    assert [{"begins": "a"}] == reader.read()
    with open(path, "ab") as file:
        file.write(b': "b"}\n')
    assert [{"begins": "b"}] == reader.read()


FORKS = """
import os
import sys
from scaffold.verify.answers import AnswerWriter

writer = AnswerWriter(sys.argv[1])
other = os.fork()
writer.write(begins="a")
print(os.waitpid(other, 0)[1] != 0)
"""


def test_a_fork_does_not_answer(tmp_path):
    """A process that the file forks ends when it tries to answer."""
    command = [sys.executable, "-c", FORKS, str(tmp_path / "answers")]

    assert b"True\n" == subprocess.run(command, stdout=subprocess.PIPE).stdout
    assert [{"begins": "a"}] == AnswerReader(tmp_path / "answers").read()


def test_unexpected_answers(tmp_path):
    """An answer that the worker should not give now is ignored."""
    pool = worker_pool.WorkerPool(Request("model.py"), 1, tmp_path)
    worker = worker_pool._Worker(child=None)
    answers = [json.loads(line) for line in forged("plain", "exact").splitlines()]
    parsed, groups, begins, verdict = answers
    other = json.loads(forged("other", "exact").splitlines()[-1])

    for answer in (verdict, begins, parsed, groups, verdict, begins, other):
        pool._take(worker, answer)
    assert {} == pool.verdicts
    for answer in (verdict, verdict, begins):
        pool._take(worker, answer)
    assert ["plain"] == [*pool.verdicts] and pool.is_done()
    assert ([], "") == (worker.names, worker.running)


@pytest.mark.skipif(not os.path.exists(MAPPINGS), reason="only Linux lists them")
def test_programs_are_freed():
    """A process with many compiled programs does not come to Linux's limit."""
    import jax

    program = jax.jit(lambda x: x + 1)
    program(np.zeros(3))
    free_programs(allowed=2 * mappings())
    kept = program._cache_size()
    free_programs(allowed=mappings() // 2)

    assert (1, 0) == (kept, program._cache_size())
