"""The package is a house of floors: a file imports only from floors below its own."""

import ast
import re
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "pdlearn"

FLOORS = [
    {
        "games",
        "pages",
        "paper",
        "presets",
        "losses",
        "networks",
        "optimizers",
        "statistics",
        "saliency",
    },
    {"envs", "catch", "checkpoints", "plots", "learner"},
    {"rollout", "runs", "console"},
    {
        "memory",
        "starts",
        "evaluation",
        "clips",
        "recordings",
        "actor",
        "qlearning",
        "compressed",
        "prioritized",
    },
    {"dqn", "pqn", "distill", "online"},
    {"zoo", "foreign"},
    {
        "report",
        "bench",
        "bench_sb3",
        "experiments",
        "teachers",
        "tour",
        "commands",
        "cli",
        "widgets",
        "exercises",
        "lessons",
    },
]
FLOOR_OF = {module: floor for floor, modules in enumerate(FLOORS) for module in modules}

# What a file takes from a neighbour on its own floor.
NEIGHBOURS = {
    "networks": {"games"},  # the nearest right name
    "envs": {"catch"},  # registers the game
    "evaluation": {"starts"},  # where an episode may begin
    "recordings": {"memory"},  # a recording is a memory in a file
    "online": {"dqn", "distill"},  # a DQN that learns, and the students of its best
    "compressed": {"memory"},  # the same, smaller and slower
    "prioritized": {"memory"},  # the same, drawn unevenly
    "actor": {"memory", "prioritized"},  # what it plays fills one
    "qlearning": {"evaluation"},  # chooses the best agent
    "bench": {"bench_sb3"},
    "tour": {"report"},
    "commands": {"bench", "experiments", "lessons", "teachers", "tour"},
    "cli": {"commands"},
    "exercises": {"lessons"},  # the emulator by hand
}

# Learning, judging and acting run on a bare machine; plots are drawn elsewhere.
TRAINING = set().union(*FLOORS[:5]) - {"plots"}
TRAINING_IMPORTS = {
    *sys.stdlib_module_names,
    *("torch", "numpy", "gymnasium", "ale_py", "safetensors", "tqdm", "pdlearn"),
}

STEPPERS = {"envs", "rollout", "clips", "console", "bench"}  # bench times the bare emulators
GENERATORS = {"default_rng", "Generator", "SeedSequence"}


class Source:
    """A file of the package: its module on a floor, and its syntax tree."""

    def __init__(self, path: str, text: str):
        self.path = path
        self.module = path.removesuffix(".py").split("/")[0]
        self.nodes = list(ast.walk(ast.parse(text, path)))

    def imports(self) -> set[str]:
        """Return dotted names of everything imported, inside functions too."""
        package = ["pdlearn", *self.path.split("/")[:-1]]
        names = set()
        for node in self.nodes:
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                base = package[: len(package) - node.level + 1] if node.level else []
                base = ".".join([*base, *filter(None, [node.module])])
                names |= {f"{base}.{alias.name}" for alias in node.names}
        return names

    def neighbours(self) -> set[str]:
        """Return the modules of the package that are imported."""
        inside = (name.split(".") for name in self.imports() if name.split(".")[0] == "pdlearn")
        return {name[1] if len(name) > 1 else "__init__" for name in inside} - {self.module}

    def calls(self) -> list[tuple[int, str]]:
        """Return the line and the dotted name of every call, as far as it has one."""
        calls = [(node.lineno, node.func) for node in self.nodes if isinstance(node, ast.Call)]
        return [(line, ast.unparse(function)) for line, function in calls]


def wrong_floors(source: Source) -> list[str]:
    """Say which imports do not lead to a floor below."""
    if source.module == "__init__":
        return []
    if source.module not in FLOOR_OF:
        return [f"{source.path} is on no floor: give {source.module!r} one in tests/test_floors.py"]
    floor = FLOOR_OF[source.module]
    allowed = NEIGHBOURS.get(source.module, set())
    return [
        f"{source.path} (floor {floor}) imports {name} (floor {FLOOR_OF.get(name, 'unknown')})"
        for name in sorted(source.neighbours() - allowed)
        if FLOOR_OF.get(name, len(FLOORS)) >= floor
    ]


def heavy_imports(source: Source) -> list[str]:
    """Say which imports of a training module a bare machine does not have."""
    if source.module not in TRAINING:
        return []
    roots = {name.split(".")[0] for name in source.imports()}
    return [f"{source.path} imports {root}" for root in sorted(roots - TRAINING_IMPORTS)]


def stray_steps(source: Source) -> list[str]:
    """Say where an environment is stepped outside the files that may."""
    if source.module in STEPPERS:
        return []
    return [
        f"{source.path}:{line} calls {name}"
        for line, name in source.calls()
        if name.endswith((".step", ".recv")) and not name.endswith("optimizer.step")
    ]


def stray_randomness(source: Source) -> list[str]:
    """Say where numbers are drawn from a generator that was not handed in."""
    imported = [
        f"{source.path} imports {name}"
        for name in sorted(source.imports())
        if name.split(".")[0] == "random"
        or (name.startswith("numpy.random.") and name.split(".")[2] not in GENERATORS)
    ]
    called = [
        f"{source.path}:{line} calls {name}"
        for line, name in source.calls()
        if (drawn := re.match(r"(?:np|numpy)\.random\.(\w+)", name)) and drawn[1] not in GENERATORS
    ]
    return imported + called


SOURCES = [
    Source(path.relative_to(PACKAGE).as_posix(), path.read_text(encoding="utf-8"))
    for path in sorted(PACKAGE.rglob("*.py"))
]
each_file = pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.path)


# --- the package ---


def test_the_package_was_found():
    assert {"games", "losses", "networks", "checkpoints"} <= {source.module for source in SOURCES}


@each_file
def test_a_file_imports_only_from_floors_below(source):
    assert wrong_floors(source) == []


@each_file
def test_a_training_file_imports_only_what_a_bare_machine_has(source):
    assert heavy_imports(source) == []


@each_file
def test_environments_are_stepped_where_steps_are_told_apart(source):
    assert stray_steps(source) == []


@each_file
def test_random_numbers_come_from_a_generator_that_is_handed_in(source):
    assert stray_randomness(source) == []


def test_no_module_is_on_two_floors():
    assert sum(map(len, FLOORS)) == len(FLOOR_OF)


@pytest.mark.parametrize("module", NEIGHBOURS)
def test_a_neighbour_lives_on_the_same_floor(module):
    assert {FLOOR_OF[neighbour] for neighbour in NEIGHBOURS[module]} == {FLOOR_OF[module]}


# --- the rules themselves, on files made up to break them ---


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("losses.py", "import pdlearn.dqn"),
        ("losses.py", "from pdlearn.dqn import teach"),
        ("losses.py", "from pdlearn import dqn"),
        ("losses.py", "from . import dqn"),
        ("losses.py", "from .dqn import teach"),
        ("losses.py", "def late():\n    from pdlearn import dqn"),
        ("losses.py", "from pdlearn.networks import QNetwork"),
        ("rollout.py", "from pdlearn.memory import Memory"),
        ("games.py", "import pdlearn.unheard_of"),
        ("games.py", "import pdlearn"),
        ("zoo/shelf.py", "from pdlearn.cli import main"),
        ("zoo/shelf.py", "from ..cli import main"),
        ("unheard_of.py", ""),
    ],
)
def test_an_import_from_the_same_floor_or_above_is_found(path, text):
    assert len(wrong_floors(Source(path, text))) == 1


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("dqn.py", "from pdlearn.losses import td_loss\nfrom pdlearn import envs"),
        ("networks.py", "from pdlearn.games import nearest"),
        ("zoo/shelf.py", "from pdlearn.zoo.other import name\nfrom . import other"),
        ("__init__.py", "from pdlearn.cli import main"),
        ("losses.py", "import torch"),
    ],
)
def test_an_import_from_below_is_let_pass(path, text):
    assert wrong_floors(Source(path, text)) == []


def test_a_file_without_a_floor_is_told_where_to_get_one():
    assert (
        "'unheard_of' one in tests/test_floors.py" in wrong_floors(Source("unheard_of.py", ""))[0]
    )


@pytest.mark.parametrize("path", ["memory.py", "dqn.py", "networks.py"])
@pytest.mark.parametrize("text", ["import cv2", "def f():\n    from matplotlib import pyplot"])
def test_a_heavy_import_is_found(path, text):
    assert len(heavy_imports(Source(path, text))) == 1


@pytest.mark.parametrize("path", ["plots.py", "cli.py", "widgets/play.py"])
def test_faces_and_plots_may_import_what_they_like(path):
    assert heavy_imports(Source(path, "import matplotlib.pyplot as plt")) == []


@pytest.mark.parametrize("call", ["env.step(a)", "self._env.recv()", "make()[0].step(1)"])
def test_a_stray_step_is_found(call):
    assert len(stray_steps(Source("evaluation.py", call))) == 1


@pytest.mark.parametrize("call", ["optimizer.step()", "self.optimizer.step()", "steps(env)"])
def test_a_step_of_an_optimizer_is_let_pass(call):
    assert stray_steps(Source("dqn.py", call)) == []


@pytest.mark.parametrize(
    "text",
    [
        "import random",
        "from random import choice",
        "from numpy.random import randint",
        "np.random.seed(0)",
        "x = np.random.randint(3)",
        "numpy.random.rand()",
    ],
)
def test_stray_randomness_is_found(text):
    assert len(stray_randomness(Source("memory.py", text))) == 1


@pytest.mark.parametrize(
    "text",
    [
        "np.random.default_rng(0).integers(3)",
        "np.random.SeedSequence([1, 2]).generate_state(3)",
        "np.random.Generator(bits)",
        "from numpy.random import Generator",
        "rng.random()",
        "import torch.random",
    ],
)
def test_a_generator_of_ones_own_is_let_pass(text):
    assert stray_randomness(Source("memory.py", text)) == []
