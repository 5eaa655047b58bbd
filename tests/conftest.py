"""Settings that must be made before JAX or Keras is imported, and `--bless`."""

import gc
import os
import shutil
import sys
import tempfile

import pytest

os.environ["KERAS_BACKEND"] = "jax"
os.environ.setdefault("XLA_FLAGS", "--xla_force_host_platform_device_count=4")

# These are what kscaffold generated, a project with tests of its own among them.
collect_ignore = ["earlier"]

# Tracing creates many objects and little garbage. Python's default thresholds for
# collecting it take a fifth of the time.
gc.set_threshold(50_000, 20, 50)

# Models and processes share compiled programs within one run.
CACHE = None
if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
    CACHE = os.environ["JAX_COMPILATION_CACHE_DIR"] = tempfile.mkdtemp("-kscaffold")
    os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
    os.environ["JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES"] = "-1"


#: The kernels of XLA's newer emitters take twice as long to compile.
PLAIN_XLA = {"xla_cpu_use_fusion_emitters": False}


@pytest.fixture(scope="module")
def plain_compiler():
    """Compiles without optimizations, for tests that compare no bits."""
    import jax
    from jax._src import compiler

    get_options = compiler.get_compile_options

    def get_plain_options(*args, env_options_overrides=None, **kwargs):
        overrides = PLAIN_XLA | (env_options_overrides or {})
        return get_options(*args, env_options_overrides=overrides, **kwargs)

    name = "jax_disable_most_optimizations"
    before = jax.config.read(name)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(name.upper(), "1")  # for child processes
        if _knows(PLAIN_XLA):
            flags = [f"--{flag}={str(on).lower()}" for flag, on in PLAIN_XLA.items()]
            patch.setenv("XLA_FLAGS", " ".join([os.environ["XLA_FLAGS"], *flags]))
            patch.setattr(compiler, "get_compile_options", get_plain_options)
        jax.config.update(name, True)
        yield
        jax.config.update(name, before)
    if "scaffold.verify.parity.check" in sys.modules:
        # What was compiled without optimizations differs in the last bit.
        sys.modules["scaffold.verify.parity.check"]._keras_reference.cache_clear()


@pytest.fixture
def usual_kernels(monkeypatch):
    """Within `plain_compiler`, leaves the kernels as users have them."""
    import jax

    monkeypatch.delitem(PLAIN_XLA, "xla_cpu_use_fusion_emitters")
    jax.clear_caches()


def _knows(options: dict) -> bool:
    """Returns whether XLA knows options. Those of an older JAX may be others."""
    import jax

    try:
        jax.jit(lambda: jax.numpy.zeros(()), compiler_options=options)()
    except Exception:
        return False
    return True


def pytest_addoption(parser):
    """Adds `pytest --bless`, which rewrites the goldens and the generated docs."""
    parser.addoption(
        "--bless",
        action="store_true",
        help="rewrite golden/, and the generated parts of the documents",
    )


def pytest_runtest_teardown(item, nextitem):
    """Frees compiled programs before a worker has too many of them."""
    from scaffold.verify.compiled_programs import free_programs

    free_programs()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Runs tests that share work in one process: see `shared()`."""
    from xdist.scheduler import LoadScopeScheduling

    class BySharedWork(LoadScopeScheduling):
        """Sends tests that share work to one process."""

        def _split_scope(self, nodeid):
            return shared(nodeid)

    return BySharedWork(config, log)


def shared(nodeid: str) -> str:
    """Names the work that a test shares: the texts, a parity case's reference."""
    if "test_text.py" in nodeid:
        return "texts"
    return nodeid.split(" - ")[0].split("[")[-1] if " - " in nodeid else nodeid


def pytest_configure(config):
    """Blesses before the first test, and only where pytest itself was called."""
    if config.getoption("--bless") and not hasattr(config, "workerinput"):
        from generated_docs import bless_docs
        from matrix import bless

        bless()
        bless_docs()


def pytest_unconfigure():
    """Removes the compiled programs of this run."""
    if CACHE:
        shutil.rmtree(CACHE, ignore_errors=True)
