"""What a program that imports the package relies on: names, signatures, the options of runs."""

import ast
import inspect
import math
from pathlib import Path

import pytest
import torch
from fakes import make_agent

import pdlearn
from pdlearn import DQN, PQN, Agent, Distillation, OnlineDistillation
from pdlearn.envs import PREPROCESSING
from pdlearn.presets import DISTILL_BUDGETS, DQN_BUDGETS, ONLINE_BUDGETS, PQN_BUDGETS
from pdlearn.runs import Run

CATCH = "pdlearn/Catch-v0"
PACKAGE = Path(pdlearn.__file__).parent
MODULES = {str(p.relative_to(PACKAGE)): p.read_text("utf-8") for p in PACKAGE.rglob("*.py")}
OPTIONS = ("seed", "device", "precision", "folder", "resume", "minutes")


def teacher() -> Agent:
    agent = make_agent()
    return Agent(
        agent.network,
        agent.card | {"observation_shape": [4, 84, 84], "preprocessing": PREPROCESSING},
    )


def stub_names(text: str) -> list[str]:
    """Return the names that a stub file gives away, as in `from a import b as b`."""
    imports = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ImportFrom)]
    return [alias.asname for node in imports for alias in node.names]


def crowded(text: str) -> list[str]:
    """Return the public functions and methods with more than four positional parameters."""
    found = []
    tree = ast.parse(text)
    for scope in [tree, *(node for node in tree.body if isinstance(node, ast.ClassDef))]:
        for node in scope.body:
            if not isinstance(node, ast.FunctionDef):
                continue
            names = [a.arg for a in node.args.posonlyargs + node.args.args]
            positional = [name for name in names if name not in ("self", "cls")]
            public = not node.name.startswith("_") or node.name == "__init__"
            if public and len(positional) > 4:
                found.append(node.name)
    return found


def test_the_stub_names_what_the_package_gives_away():
    stub = stub_names((PACKAGE / "__init__.pyi").read_text("utf-8"))
    assert sorted(stub) == sorted(pdlearn.__all__)


@pytest.mark.parametrize("name", pdlearn.__all__)
def test_each_public_name_is_what_the_stub_says(name):
    stub = {}
    exec((PACKAGE / "__init__.pyi").read_text("utf-8"), stub)
    assert getattr(pdlearn, name) is stub[name]


def test_a_public_function_takes_at_most_four_positional_parameters():
    assert {path: crowded(text) for path, text in MODULES.items() if crowded(text)} == {}


def test_a_fifth_positional_parameter_is_found():
    assert crowded("def f(a, b, c, d, e): pass") == ["f"]
    assert crowded("class C:\n def __init__(self, a, b, c, d, e=1): pass") == ["__init__"]
    assert crowded("def f(a, b, c, d, *, e): pass\ndef _g(a, b, c, d, e): pass") == []


@pytest.mark.parametrize("kind", [Run, DQN, PQN, Distillation, OnlineDistillation])
def test_the_options_of_a_run_are_spelt_out_by_keyword(kind):
    parameters = inspect.signature(kind).parameters
    assert inspect.Parameter.VAR_KEYWORD not in {p.kind for p in parameters.values()}
    for name in OPTIONS:
        told, wanted = parameters[name], inspect.signature(Run).parameters[name]
        assert told.kind is inspect.Parameter.KEYWORD_ONLY
        assert told.annotation == wanted.annotation is not inspect.Parameter.empty
        assert told.default == wanted.default


@pytest.mark.parametrize(
    "make",
    [
        lambda **options: DQN(CATCH, DQN_BUDGETS["smoke"], **options),
        lambda **options: PQN(CATCH, PQN_BUDGETS["smoke"], **options),
        lambda **options: Distillation(teacher(), DISTILL_BUDGETS["smoke"], **options),
        lambda **options: OnlineDistillation(
            CATCH, DQN_BUDGETS["smoke"], ONLINE_BUDGETS["smoke"], **options
        ),
    ],
    ids=["dqn", "pqn", "distill", "online"],
)
def test_a_run_takes_each_option(make, tmp_path):
    options = {
        "seed": 7, "device": torch.device("cpu"), "precision": "bfloat16", "folder": tmp_path,
        "resume": True, "minutes": 3.0,
    }  # fmt: skip
    run = make(**options)
    assert {name: getattr(run, name) for name in OPTIONS} == options
    assert run.learner.precision == "bfloat16"
    if isinstance(run, OnlineDistillation):  # the DQN has no folder of its own
        dqn = run.teacher_run
        assert (dqn.seed, dqn.learner.precision, dqn.folder) == (7, "bfloat16", None)
    assert make().minutes == math.inf
