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
from torch.utils._python_dispatch import TorchDispatchMode

import pdlearn
from pdlearn.distill import Distillation
from pdlearn.dqn import DQN
from pdlearn.pqn import PQN
from pdlearn.presets import DISTILL_BUDGETS, PQN_BUDGETS

# What gives values of a tensor to Python, and operators whose result's shape depends on values.
METHODS = (
    "__array__", "__bool__", "__float__", "__index__", "__int__", "cpu", "item", "numpy", "tolist",
)  # fmt: skip
OPERATORS = ("equal", "masked_select", "nonzero", "_unique", "unique_dim", "_local_scalar_dense")
LEARNING = {
    "update", "sample_transitions", "sample_states", "set_errors", "minibatches", "limit_gradient",
}  # fmt: skip
PACKAGE = str(Path(pdlearn.__file__).parent)
FEW = {"size": "net5", "evaluation_period_steps": 10**9}


class Looks(TorchDispatchMode):
    """Counts the looks in learning steps, by the function of the package that looks."""

    def __init__(self):
        super().__init__()
        self.counts = Counter()
        self.steps = 0  # of learning, to know that there were some

    def note(self):
        code = [frame.f_code for frame, _ in traceback.walk_stack(None)]  # innermost first
        names = [each.co_name for each in code if each.co_filename.startswith(PACKAGE)]
        if LEARNING & set(names):
            self.counts[names[0]] += 1

    def __torch_dispatch__(self, operator, types, arguments=(), keywords=None):
        name = operator.overloadpacket.__name__
        self.steps += name in ("_fused_adam_", "_fused_adam")
        booleans = any(
            isinstance(index, torch.Tensor) and index.dtype == torch.bool
            for index in (arguments[1] or () if name in ("index", "index_put_") else ())
        )
        if booleans or name.startswith(OPERATORS):
            self.note()
        return operator(*arguments, **(keywords or {}))


@pytest.fixture
def looks(monkeypatch):
    looks = Looks()

    def noting(method):
        whole = getattr(torch.Tensor, method)

        def noted(tensor, *arguments, **keywords):
            looks.note()
            return whole(tensor, *arguments, **keywords)

        return noted

    for method in METHODS:
        monkeypatch.setattr(torch.Tensor, method, noting(method))
    return looks


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
def test_a_learning_step_looks_at_no_value(name, looks, monkeypatch):
    monkeypatch.setattr("pdlearn.distill.HELD_OUT_STEPS", 40)
    run = RUNS[name]()
    with looks:
        list(run)
    assert looks.steps >= 5
    del looks.counts["td_error"]  # its check of the actions is on a CPU alone
    assert not looks.counts


def test_a_look_is_noted(looks, monkeypatch):
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
    with looks:
        list(run)
    assert looks.counts["update"] >= 4 * looks.steps
