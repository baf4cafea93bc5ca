"""Measure what each assignment costs a processor and a memory: `docs/results/course.csv`.

`python -m pdlearn.course.measuring MACHINE` runs every solved notebook, and grades it as one
submission with an agent. It counts processor seconds, which do not depend on what else runs.
"""

import os
import sys
import tempfile
import time
from pathlib import Path

import psutil
import torch

from pdlearn import zoo
from pdlearn.checkpoints import Agent, save_agent
from pdlearn.course.assignments import ASSIGNMENTS
from pdlearn.course.handing import CONFIG, release
from pdlearn.course.notebooks import source_notebook
from pdlearn.course.parts import Artefact, Assignment
from pdlearn.course.starting import KIT, write_sources
from pdlearn.dqn import DQN
from pdlearn.files import write_bytes
from pdlearn.lessons.places import CLONE
from pdlearn.presets import DQN_BUDGETS
from pdlearn.rows import write_rows
from pdlearn.web.pages import source

TABLE = CLONE / "docs" / "results" / "course.csv"
ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "PDLEARN_QUIET": "1"}
POLL_SECONDS = 0.1


def used(command: list[str]) -> dict:
    """Run a command; return its processor seconds and largest memory, with those it started.

    Memory is the sum of the resident sets, in which shared pages count for each process.
    """
    whole = psutil.Popen(command, env={**os.environ, **ONE_THREAD})
    seconds: dict[tuple[int, float], float] = {}
    most = 0
    while whole.poll() is None:
        memory = 0
        for process in [whole, *whole.children(recursive=True)]:
            try:
                times, born = process.cpu_times(), process.create_time()
                memory += process.memory_info().rss
            except psutil.NoSuchProcess:  # it ended since it was listed
                continue
            seconds[process.pid, born] = times.user + times.system
        most = max(most, memory)
        time.sleep(POLL_SECONDS)
    if whole.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with status {whole.returncode}")
    return {
        "processor_seconds": round(sum(seconds.values()), 1),
        "memory_mb": round(most / 1e6),
    }


def agent_for(artefact: Artefact) -> Agent:
    """Return an agent to assess: untrained for Catch, a shipped one with noise for Pong."""
    if "pong" not in artefact.games:
        return DQN(artefact.games[0], DQN_BUDGETS["smoke"]).agent()
    agent = zoo.load("pong/net3")
    noise = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in agent.network.parameters():
            weight.add_(0.2 * weight.std() * torch.randn(weight.shape, generator=noise))
    return agent


def measure(course: Path, assignment: Assignment) -> list[dict]:
    """Return two rows: of running a solved notebook, and of grading it."""
    name = assignment.name
    solved = course / "source" / name / f"{name}.ipynb"
    place = course / "submitted" / "measured" / name
    write_bytes(place / solved.name, solved.read_bytes())
    if assignment.artefact:
        save_agent(place / Artefact.checkpoint, agent_for(assignment.artefact))
    run = [sys.executable, "-m", "jupyter", "execute", str(solved)]
    grade = [sys.executable, "-m", "pdlearn.cli", "course", "grade", str(course), name]
    return [
        {"assignment": name, "what": what, **used(command)}
        for what, command in (("notebook", run), ("grading", grade))
    ]


def main(machine: str) -> None:
    """Write the table of all assignments."""
    rows = []
    with tempfile.TemporaryDirectory() as made:
        course = Path(made) / "course"
        write_sources(course / "source", source_notebook)
        write_bytes(course / CONFIG, source(f"{KIT}/nbgrader_config.txt").encode())
        release(course, [one.name for one in ASSIGNMENTS])
        for assignment in ASSIGNMENTS:
            rows += [{**row, "machine": machine} for row in measure(course, assignment)]
            print(*rows[-2:], sep="\n", flush=True)
    write_rows(TABLE, rows)


if __name__ == "__main__":
    main(*sys.argv[1:])
