"""Projects train on several devices and in several processes."""

import socket

import keras
import numpy as np
import pytest
from running_projects import (
    golden,
    import_module,
    losses,
    make,
    python,
    same,
    saved,
    train,
)


@pytest.fixture(scope="module")
def even(tmp_path_factory):
    """A project with splits of 320 rows at most, trained on one device."""
    project = make(tmp_path_factory.mktemp("even"), task="multiclass", fuse_steps=True)
    path = project / "my_project" / "data.py"
    text = path.read_text()
    old = "tuple(a[rows] for a in arrays)"
    assert text.count(old) == 1
    path.write_text(text.replace(old, "tuple(a[rows[:320]] for a in arrays)"))
    train(project, "--epochs", "3", "--out", "one", "--steps-per-execution", "1")
    return project


SPREAD = {
    "4, data": (4, "--data-parallel"),
    "8, data": (8, "--data-parallel"),
    "4, model": (4, "--model-parallel", "4"),
    "8, both": (8, "--data-parallel", "--model-parallel", "2"),
    "4, both, single": (
        *(4, "--data-parallel", "--model-parallel", "2"),
        *("--steps-per-execution", "1"),
    ),
}


@pytest.mark.exhaustive
@pytest.mark.parametrize("case", SPREAD)
def test_devices(even, case):
    """On 4 and 8 virtual devices, losses equal the losses on one device to 1e-4.

    All but one case fuse steps. The reference on one device does not.
    """
    count, *arguments = SPREAD[case]
    out = case.replace(", ", "_")
    flags = f"--xla_force_host_platform_device_count={count}"

    train(even, "--epochs", "3", "--out", out, *arguments, XLA_FLAGS=flags)

    np.testing.assert_allclose(losses(even / "one"), losses(even / out), rtol=1e-4)
    one, many = saved(even / "one"), saved(even / out)
    for name in one.keys() - {"history"}:
        np.testing.assert_allclose(one[name], many[name], rtol=1e-3, atol=1e-4)


def test_share(monkeypatch, capsys):
    """Processes have different rows, the same number each, which devices can share."""
    module = import_module(golden("regression"), "distribution", monkeypatch)
    data = {"train": (np.arange(11), np.arange(11) * 2), "test": (np.arange(8),)}
    shares = []
    monkeypatch.setattr(module.jax, "process_count", lambda: 2)
    for process in (0, 1):
        monkeypatch.setattr(module.jax, "process_index", lambda p=process: p)
        shares.append(module.share(data, 4)["train"])

    assert [4, 4] == [len(x) for x, _ in shares]
    assert list(range(8)) == sorted(n for x, _ in shares for n in x.tolist())
    assert all(np.array_equal(2 * x, y) for x, y in shares)
    # Only the first process says it, and only for the split that loses rows.
    message = "Leaving out 3 of 11 training rows: 4 devices share each batch equally.\n"
    assert message == capsys.readouterr().out
    with pytest.raises(ValueError, match="3 rows cannot be split over 4 devices"):
        module.share({"test": (np.arange(3),)}, 4)


@pytest.mark.parametrize("parallel", [True, False])
def test_left_out_rows_are_said(parallel, monkeypatch, capsys, tmp_path):
    """With data parallelism, the command says how many rows it leaves out."""
    train = import_module(golden("regression"), "train", monkeypatch)
    distribution = keras.distribution.distribution()
    arguments = ["--epochs", "1", "--out", str(tmp_path / "out")]
    try:
        train.main([*arguments, *["--data-parallel"] * parallel])
    finally:
        keras.distribution.set_distribution(distribution)

    lines = [line for line in capsys.readouterr().out.split("\n") if "Leaving" in line]
    expected = [
        f"Leaving out {name} rows: 4 devices share each batch equally."
        for name in ("1 of 265 training", "1 of 89 test")
    ]
    assert (expected if parallel else []) == lines


@pytest.mark.exhaustive
def test_split(even):
    """Each weight is split along a divisible axis, and each batch over all groups."""
    code = """
import jax, keras
from my_project import data, distribution, train
print(distribution.spread(True, 4))
model = train.build_model(data.load_data()["train"][0])
for v in model.variables:
    split = v.value.sharding
    print(v.path, v.shape, tuple(split.spec), len(split.device_set))
layout = keras.distribution.distribution().get_data_layout((8, 3))
print(layout.axes)
"""
    flags = "--xla_force_host_platform_device_count=8"
    said = python(even, "-c", code, XLA_FLAGS=flags).said

    assert said.startswith("2\n"), said
    assert "dense/kernel (64, 64) (None, 'model') 8" in said
    # Ten columns cannot be split into four.
    assert "dense_1/kernel (64, 10) ('model', None) 8" in said
    assert "dense/bias (64,) (None,) 8" in said
    assert "('batch', None)" in said


@pytest.mark.exhaustive
def test_two_processes(even):
    """Two processes train together, agree on every weight, and resume exactly."""
    code = """
import sys, numpy as np
from my_project import checkpoint, train
args = train.parse(sys.argv[2:])
names = "coordinator", "num_processes", "process_id"
train.join_processes(*(getattr(args, name) for name in names))
with train.locked(args.out):
    model, data, saver = train.prepare(args)
    train.train(args, model, data, saver)
np.savez(sys.argv[1], *[np.asarray(v.value) for v in checkpoint.variables_of(model)])
"""

    def together(out, *arguments):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{free.getsockname()[1]}"
        words = ["-c", code]
        common = ["--out", out, "--coordinator", address, "--num-processes", "2"]
        processes = [
            python(
                even,
                *words,
                f"{out}_{i}.npz",
                *common,
                "--process-id",
                str(i),
                *arguments,
                wait=False,
            )
            for i in (0, 1)
        ]
        said = [process.communicate(timeout=200)[0] for process in processes]
        assert [0, 0] == [process.returncode for process in processes], said
        # Only the first one shows the training and the table.
        assert "The best model" in said[0] and "The best model" not in said[1]
        weights = [np.load(even / f"{out}_{i}.npz") for i in (0, 1)]
        assert len(weights[0]) > 4
        assert same(*(dict(w) for w in weights))

    together("two", "--epochs", "2")
    together("two", "--epochs", "3", "--resume")
    together("whole", "--epochs", "3")

    assert same(saved(even / "two"), saved(even / "whole"))
    # The batches differ from the batches of one process, but not the samples.
    np.testing.assert_allclose(losses(even / "one"), losses(even / "two"), rtol=0.1)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--batch-size", "6", "--data-parallel"], "must be a multiple of 4"),
        (["--model-parallel", "3"], "does not divide the number of devices, 4"),
        (["--coordinator", "a:1"], "also need --num-processes, --process-id"),
        (
            "--coordinator a --num-processes 2 --process-id 1".split(),
            "--coordinator must be HOST:PORT, not a",
        ),
        (["--resume"], "There is no training in"),
        (["--epochs", "0"], "0 is not above 0"),
        (["--seed", "-1"], "-1 is not from 0 to"),
        (
            "--coordinator a:1 --num-processes 2 --process-id 2".split(),
            "--process-id must be below 2",
        ),
    ],
)
def test_arguments(arguments, said, monkeypatch, capsys, tmp_path):
    """Invalid arguments are refused before anything is written."""
    train = import_module(golden("regression"), "train", monkeypatch)
    distribution = keras.distribution.distribution()
    try:
        with pytest.raises(SystemExit) as error:
            train.main([*arguments, "--out", str(tmp_path / "out")])
    finally:
        keras.distribution.set_distribution(distribution)

    assert 2 == error.value.code
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
