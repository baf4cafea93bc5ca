"""The Python and the commands of the how-to pages run, with less training."""

import re
import shlex
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import pdlearn
from pdlearn import networks, zoo
from pdlearn.cli import main

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "docs" / "how-to"
PAGES = [*sorted(FOLDER.glob("[!i]*.md")), *(ROOT / "docs" / f"{n}.md" for n in ("start", "cite"))]
PAGES.append(ROOT / "docs" / "reference" / "file-formats.md")
# Pages whose commands take half a minute; other tests run commands like them.
LONG = ("cluster", "distil", "several-games", "train-a-teacher")
COMMAND_PAGES = [
    pytest.param(page, marks=pytest.mark.long if page.stem in LONG else ()) for page in PAGES
]
LITTLE = "hours=1, steps_per_hour=400, updates_per_hour=3"
FEWER = {
    'DQN_BUDGETS["fast"]': 'DQN_BUDGETS["smoke"]',
    'loss="kl", temperature=0.03)': f'loss="kl", temperature=0.03, {LITTLE})',
    'DistillConfig(size="multi3")': f'DistillConfig(size="multi3", {LITTLE})',
    '("freeway", "pong", "qbert")': '("pong", "qbert")',
    "episodes=30": "episodes=1",
    "episodes=5": "episodes=1",
}
# Options that shorten each command; None does not run: it takes long at any size, or is tried
# elsewhere.
SHORTER = {
    "train": ["--budget", "smoke", "--device", "cpu"],
    "distill": ["--budget", "smoke", "--device", "cpu"],
    "record": [],
    "evaluate": ["--device", "cpu"],
    "reproduce": None,
    "export": None,
    "doctor": None,
    "tour": None,
    "lessons": None,
}


def blocks(page, language):
    return re.findall(rf"```{language}\n(.*?)```", page.read_text("utf-8"), re.S)


def commands(page):
    """Return the page's `pdlearn` commands, in order, without comments."""
    lines = "\n".join(blocks(page, "bash")).splitlines()
    return [shlex.split(line, comments=True)[1:] for line in lines if line.startswith("pdlearn ")]


def test_the_cell_for_colab_installs_this_version_and_shows_widgets(monkeypatch):
    (cell,) = blocks(ROOT / "docs" / "start.md", "ipython3")
    install, code = cell.split("\n", 1)
    assert install == f'%pip install --quiet "pdlearn=={pdlearn.__version__}"'
    shown = []
    output = SimpleNamespace(enable_custom_widget_manager=lambda: shown.append("widgets"))
    colab = SimpleNamespace(output=output)
    monkeypatch.setitem(sys.modules, "google", SimpleNamespace(colab=colab))
    monkeypatch.setitem(sys.modules, "google.colab", colab)
    exec(code, {})
    assert shown == ["widgets"]


@pytest.fixture
def quick(tmp_path, monkeypatch):
    """Work in a folder with a teacher and a recording, with few held-out states and small nets."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PDLEARN_QUIET", "1")
    monkeypatch.setattr("pdlearn.distill.HELD_OUT_STEPS", 120)
    monkeypatch.setattr("pdlearn.export.hub.REPLAY_STEPS", 20)
    monkeypatch.setitem(networks.MULTI_SIZES, "multi3", networks.SIZES["net3"])
    shutil.copy(zoo.FOLDER / "pong" / "play.rec", tmp_path)
    (tmp_path / "runs" / "train-pong-0").mkdir(parents=True)
    shutil.copy(zoo.path("pong/teacher"), tmp_path / "runs" / "train-pong-0" / "best.safetensors")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_python_of_a_page_runs(page, quick):
    code = "\n".join(blocks(page, "python"))
    for much, little in FEWER.items():
        code = code.replace(much, little)
    exec(compile(code, page.name, "exec"), {"__name__": "page"})


def shortened(command):
    """Return the command with little to do, or None."""
    more = SHORTER[command[0]]
    if more is None:
        return None
    if "--resume" in command:  # the run keeps its budget
        more = more[2:]
    short = [*command, *more]
    if "--executor" in short:  # clusters are tried in test_cluster.py
        short[short.index("--executor") + 1] = "local:2"
    for option, value in (("--episodes", "1"), ("--agent-steps", "320"), ("--minutes", "0.05")):
        if option in short:
            short[short.index(option) + 1] = value
    return short


@pytest.mark.parametrize("page", COMMAND_PAGES, ids=lambda page: page.stem)
def test_the_commands_of_a_page_run(page, quick):
    for command in commands(page):
        short = shortened(command)
        if short is not None:
            assert main(short) == 0, command


def test_the_pages_have_commands_of_each_kind():
    found = {command[0] for page in PAGES for command in commands(page)}
    assert found == SHORTER.keys()
