"""Equal to `keras.Model`'s own trainer, to the last bit: history, evaluation, weights.

Every feature is a case of `scaffold/verify/cases.py`. The everyday run takes each with
two classes, chosen so that the classes take turns; CI takes each with four more.
"""

from itertools import groupby

import pytest
from matrix import core_specs, identify, text

from scaffold import Spec
from scaffold.verify import subject
from scaffold.verify.cases import CASES
from scaffold.verify.harness import check, not_applicable, reference
from scaffold.verify.subject import subject_of_spec


def pairs(turns: tuple[int, ...]) -> list:
    """Lists cases with classes.

    Two classes that have the same reference (style and weights) make a turn: they
    differ in all other options, so each value of an option meets each case.

    Args:
        turns: Which turns to take.
    """
    found = []
    for number, case in enumerate(CASES):
        specs = [s for s in core_specs(task=task_of(case)) if applies(case, s)]
        by_reference = sorted(specs, key=_reference)
        groups = [list(group) for _, group in groupby(by_reference, _reference)]
        for turn in range(min(turns), min(max(turns) + 1, len(groups))):
            group = groups[(number + turn) % len(groups)]
            first = number // len(groups) % len(group)
            # Where all classes apply, the last is the opposite of the first.
            found += [
                pytest.param(
                    case, spec, id=f"{case.group}: {case.name} - {identify(spec)}"
                )
                for spec in dict.fromkeys((group[first], group[-1 - first]))
            ]
    return found


def task_of(case) -> str:
    """Returns the task whose loss the case needs."""
    return "multiclass" if case.needs == "sparse" else "regression"


def applies(case, spec) -> bool:
    """Whether a case has a meaning for a class."""
    return not not_applicable(case, subject_of_spec(spec))


def _reference(spec: Spec) -> tuple:
    """Returns the options on which the reference depends."""
    return spec.style, spec.sample_weight


@pytest.mark.parametrize(("case", "spec"), pairs(turns=(0,)))
def test_parity(case, spec):
    """A feature of Keras works with a generated class as with Keras's own."""
    compare(case, spec)


@pytest.mark.exhaustive
@pytest.mark.parametrize(("case", "spec"), pairs(turns=(1, 2)))
def test_parity_of_more(case, spec):
    """Every feature works with classes of other styles, with and without weights."""
    compare(case, spec)


def compare(case, spec):
    """Compares, and makes sure that there was something to compare."""
    verdict = check(case, subject_of_spec(spec))
    assert "exact" == verdict.outcome, verdict

    kept = reference(case, subject_of_spec(spec))
    assert kept["moved"], "nothing was trained: the comparison says nothing"
    assert len(kept) > 3


def test_every_option_takes_its_turn():
    """The everyday run meets every core combination in every style."""
    met = {param.values[1] for param in pairs(turns=(0,))}
    core = {(s.style, *s.arguments()) for s in core_specs()}

    assert core == {
        (s.style, *(a for a in s.arguments() if a not in TASK)) for s in met
    }


TASK = ("--task", "multiclass")


def test_every_case_is_met():
    """No case is without a class to which it applies."""
    assert {case.name for case in CASES} == {
        p.values[0].name for p in pairs(turns=(0,))
    }
    assert len(CASES) == len({case.name for case in CASES})


#: Mistakes that people make (in the order of a step), each one edit away from what is
#: emitted: the old text, the new text, a case that catches it, and the options.
MUTANTS = {
    "regularizers are forgotten": (
        "collect_losses=True",
        "collect_losses=False",
        "activity regularizer",
        {},
    ),
    "losses counted twice": (
        "**mode)",
        "**mode) + sum(self.losses)",
        "weight regularizers",
        {},
    ),
    "model's own losses dropped": (
        "[keras.ops.mean(loss), *map(keras.ops.sum, self.losses)]",
        "[loss]",
        "weight regularizers",
        {"manual_loss": True},
    ),
    "call() not in training mode": (
        "training_argument(self.call, training)",
        "training_argument(self.call, False)",
        "batch normalization",
        {},
    ),
    "call() always in training mode": (
        "training_argument(self.call, training)",
        "training_argument(self.call, True)",
        "dropout",
        {"test_step": True},
    ),
    "call() always gets training": (
        "**training_argument(self.call, training)",
        "training=training",
        "call without training",
        {},
    ),
    "compute_loss() always gets training": (
        "**mode)",
        "training=training)",
        "overridden compute_loss without training",
        {},
    ),
    "state of the forward pass dropped": (
        "[value(v) for v in self.non_trainable_variables]",
        "list(non_trainable_variables)",
        "dropout",
        {},
    ),
    "weights do not reach the loss": (
        "sample_weight, **mode)",
        "None, **mode)",
        "sample_weight",
        {"sample_weight": True},
    ),
    "weights do not reach the metrics": (
        "self.compute_metrics(x, y, y_pred, sample_weight)",
        "self.compute_metrics(x, y, y_pred, None)",
        "sample_weight",
        {"sample_weight": True},
    ),
    "weights do not reach the own metric": (
        "(y, y_pred, sample_weight=sample_weight)\n        return super()",
        "(y, y_pred)\n        return super()",
        "sample_weight",
        {"sample_weight": True, "manual_metrics": True},
    ),
    "weights do not reach the own loss": (
        "self.loss_fn(y, y_pred, sample_weight=sample_weight)",
        "self.loss_fn(y, y_pred)",
        "class_weight",
        {"sample_weight": True, "manual_loss": True},
    ),
    "loss of a batch not weighted by its size": (
        "update_state(loss, sample_weight=batch_size)",
        "update_state(loss)",
        "plain",
        {},
    ),
    "loss weighted by the weights": (
        "update_state(loss, sample_weight=batch_size)",
        "update_state(loss, sample_weight=jax.numpy.sum(sample_weight))",
        "sample_weight",
        {"sample_weight": True},
    ),
    "loss not scaled": (
        "loss = self.optimizer.scale_loss(loss)",
        "pass",
        "mixed_float16 with SGD",
        {},
    ),
    "scaled loss reported": (
        "        return loss, aux",
        "        return loss, (loss, *aux[1:])",
        "mixed_float16",
        {},
    ),
    "metrics of the loss dropped": (
        "metrics_variables = [value(v) for v in self.metrics_variables]",
        "pass",
        "outputs in a dict",
        {"sample_weight": True},
    ),
    "gradients clipped before they are unscaled": (
        "optimizer_variables, grads, trainable_variables\n",
        "optimizer_variables, [g.clip(-0.01, 0.01) for g in grads], "
        "trainable_variables\n",
        "mixed_float16 with SGD",
        {},
    ),
    "evaluation in training mode": (
        "training=False,\n        )\n        loss",
        "training=True,\n        )\n        loss",
        "batch normalization",
        {"test_step": True},
    ),
    "evaluation without the loss": (
        "logs = self.compute_metrics(x, y, y_pred, sample_weight)",
        "logs = self.compute_metrics(x, y, y_pred, sample_weight)\n"
        '            logs.pop("loss")',
        "validation_data",
        {"test_step": True},
    ),
    "x and y unpacked as a pair": (
        "x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)",
        "(x, y), sample_weight = data, None",
        "train_on_batch",
        {},
    ),
    "own loss tracker not the first": (
        "return own + [m for",
        "return own[::-1] + [m for",
        "plain",
        {"manual_metrics": True},
    ),
    "state as tuples": (
        "        return logs, (\n            trainable_variables,",
        "        return logs, (\n            tuple(trainable_variables),",
        "DataParallel",
        {},
    ),
    "a mask used in training": (
        "logs = self.compute_metrics(x, y, y_pred, sample_weight)",
        "y_pred._keras_mask = x > 0\n"
        "            logs = self.compute_metrics(x, y, y_pred, sample_weight)",
        "masks",
        {},
    ),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_parity_can_fail(name, monkeypatch):
    """Each mistake is found by the case that is named for it."""
    old, new, case_name, options = MUTANTS[name]
    [case] = [case for case in CASES if case.name == case_name]
    spec = Spec(task=task_of(case), **options)
    assert applies(case, spec)
    source = text(spec)
    assert old in source, f"the mutant's text is not in the class: {old}"
    mutant = compile(source.replace(old, new), name, "exec")
    monkeypatch.setattr(subject, "_compiled", lambda spec: mutant)

    verdict = check(case, subject_of_spec(spec))

    assert verdict.failed, verdict
