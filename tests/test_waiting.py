"""Learning does not wait for its device: nothing in a learning step looks at a tensor's values.

On a GPU each look waits until all work before it is done. Here all tensors are on the CPU, and
every look is noted with the functions of the package that led to it.
"""

import traceback
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from fakes import CATCH, TINY, catch_experts
from torch.overrides import TorchFunctionMode

import pdlearn
from pdlearn.distill import Distillation
from pdlearn.dqn import DQN
from pdlearn.pqn import PQN
from pdlearn.presets import DISTILL_BUDGETS, PQN_BUDGETS

# What gives values of a tensor to Python, or has a result whose shape depends on values.
LOOKS = {
    "__array__", "__bool__", "__complex__", "__contains__", "__float__", "__index__", "__int__",
    "allclose", "bincount", "cpu", "equal", "item", "masked_select", "nonzero", "numpy", "tolist",
    "unique", "unique_consecutive",
}  # fmt: skip
LEARNING = {
    "update", "sample_transitions", "sample_states", "set_errors", "minibatches", "limit_gradient",
}  # fmt: skip
PACKAGE = str(Path(pdlearn.__file__).parent)
FEW = {"size": "net5", "evaluation_period_steps": 10**9}


class Looks(TorchFunctionMode):
    """Counts the looks in learning steps, by the function of the package that looks."""

    def __init__(self):
        super().__init__()
        self.counts = Counter()
        self.updates = 0

    def __torch_function__(self, function, types, arguments=(), keywords=None):
        name = function.__name__
        self.updates += name == "backward"
        index = arguments[1] if name in ("__getitem__", "__setitem__") else ()
        parts = index if isinstance(index, tuple) else (index,)
        chosen = any(isinstance(p, torch.Tensor) and p.dtype == torch.bool for p in parts)
        if chosen or name in LOOKS:
            self.note()
        return function(*arguments, **(keywords or {}))

    def note(self):
        code = [frame.f_code for frame, _ in traceback.walk_stack(None)]  # innermost first
        names = [each.co_name for each in code if each.co_filename.startswith(PACKAGE)]
        if LEARNING & set(names):
            self.counts[names[0]] += 1


DQN_TINY = replace(TINY, agent_steps=600, **FEW)
STUDENT = replace(
    DISTILL_BUDGETS["smoke"], size="net5", steps_per_hour=400, updates_per_hour=10, temperature=1.0
)
PQN_TINY = replace(PQN_BUDGETS["smoke"], agent_steps=300, **FEW)
RUNS = {
    "dqn": lambda: DQN(CATCH, replace(DQN_TINY, priority_exponent=0.0), precision="float32"),
    "prioritised": lambda: DQN(CATCH, replace(DQN_TINY, double=True), precision="float32"),
    "quantiles": lambda: DQN(CATCH, replace(DQN_TINY, quantiles=5), precision="float32"),
    "pqn": lambda: PQN(CATCH, PQN_TINY, precision="float32"),
    **{
        loss: lambda loss=loss: Distillation(
            catch_experts()[0], replace(STUDENT, loss=loss), precision="float32"
        )
        for loss in ("kl", "reverse_kl", "nll", "mse")
    },
}


@pytest.mark.parametrize("name", RUNS)
def test_a_learning_step_looks_at_no_value(name, monkeypatch):
    monkeypatch.setattr("pdlearn.distill.HELD_OUT_STEPS", 40)
    run = RUNS[name]()
    with Looks() as looks:
        list(run)
    assert looks.updates >= 5
    del looks.counts["td_error"]  # its check of the actions is on a CPU alone
    assert not looks.counts


def test_a_look_is_noted(monkeypatch):
    run = RUNS["pqn"]()
    loss = run.learner.loss

    def watched(*batch):
        value = loss(*batch)
        for look in (
            float,
            lambda v: v.cpu(),
            lambda v: v[v > 0],
            lambda v: v.isnan().any().item(),
        ):
            look(value.detach().reshape(1))
        return value

    monkeypatch.setattr(run.learner, "loss", watched)
    with Looks() as noted:
        list(run)
    assert noted.counts["update"] >= 4 * noted.updates > 0
