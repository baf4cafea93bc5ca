"""A file imports only from places above its own in the table of docs/architecture.md."""

import ast
import re
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "pdlearn"

TABLE = PACKAGE.parent / "docs" / "architecture.md"


def floors_in(text: str) -> list[list[str]]:
    """Return the places of each floor in the table, in order."""
    rows = re.findall(r"^\| \d [^|]*\|([^|]*)\|", text, re.M)
    return [[place.strip("/") for place in re.findall(r"`([^`]+)`", row)] for row in rows]


FLOORS = floors_in(TABLE.read_text("utf-8"))
PLACES = [place for floor in FLOORS for place in floor]

# Learning, evaluating and acting run on a bare machine; plots are drawn elsewhere.
TRAINING = set().union(*FLOORS[:5])
TRAINING_IMPORTS = {
    *sys.stdlib_module_names,
    *("torch", "numpy", "gymnasium", "ale_py", "safetensors", "tqdm", "pdlearn"),
}

STEPPERS = {"envs", "rollout", "bench"}  # bench times the bare emulators
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
    """Say which imports do not lead to a place above in the table."""
    if source.module == "__init__":
        return []
    if source.module not in PLACES:
        return [f"{source.path} has no place: give {source.module!r} one in docs/architecture.md"]
    above = PLACES[: PLACES.index(source.module)]
    return [
        f"{source.path} imports {name}, which does not stand before it in docs/architecture.md"
        for name in sorted(source.neighbours())
        if name not in above
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


def borrowed(text: str) -> list[str]:
    """Return what a test file imports from other test files, and private names that it imports."""
    imports = Source("tests", text).imports()
    return [name for name in sorted(imports) if re.search(r"^test_|[.]_[a-z]", name)]


SOURCES = [
    Source(path.relative_to(PACKAGE).as_posix(), path.read_text(encoding="utf-8"))
    for path in sorted(PACKAGE.rglob("*.py"))
]
each_file = pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.path)


# --- the package ---


def test_the_package_was_found():
    assert {"games", "losses", "networks", "checkpoints"} <= {source.module for source in SOURCES}


@each_file
def test_a_file_imports_only_from_places_above(source):
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


def test_the_table_names_each_place_of_the_package_once():
    there = {source.module for source in SOURCES} - {"__init__"}
    assert sorted(PLACES) == sorted(there)


@pytest.mark.parametrize("path", sorted(Path(__file__).parent.rglob("*.py")), ids=lambda p: p.name)
def test_a_test_imports_no_private_name_and_nothing_from_other_tests(path):
    assert borrowed(path.read_text("utf-8")) == []


# --- the rules themselves, on files made up to break them ---


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("losses.py", "import pdlearn.dqn"),
        ("losses.py", "from pdlearn.dqn import DQN"),
        ("losses.py", "from pdlearn import dqn"),
        ("losses.py", "from . import dqn"),
        ("losses.py", "from .dqn import DQN"),
        ("losses.py", "def late():\n    from pdlearn import dqn"),
        ("losses.py", "from pdlearn.networks import QNetwork"),
        ("dqn.py", "from pdlearn.distill import Distillation"),
        ("rollout.py", "from pdlearn.replay.memory import Memory"),
        ("games.py", "import pdlearn.unheard_of"),
        ("games.py", "import pdlearn"),
        ("zoo/shelf.py", "from pdlearn.cli import main"),
        ("zoo/shelf.py", "from ..cli import main"),
        ("unheard_of.py", ""),
    ],
)
def test_an_import_from_below_is_found(path, text):
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
def test_an_import_from_above_is_let_pass(path, text):
    assert wrong_floors(Source(path, text)) == []


def test_a_file_without_a_place_is_told_where_to_get_one():
    assert (
        "'unheard_of' one in docs/architecture.md" in wrong_floors(Source("unheard_of.py", ""))[0]
    )


@pytest.mark.parametrize("path", ["replay/memory.py", "dqn.py", "networks.py"])
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


@pytest.mark.parametrize("text", ["from test_dqn import TINY", "from pdlearn.plots import _grid"])
def test_a_borrowed_name_is_found(text):
    assert len(borrowed(text)) == 1


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
