"""The program of a rank, and how tests start several.

`python -m ranked distil` or `pqn`, in a folder, leaves the run there, and the rank's minibatches in
`tape-RANK`.
"""

import os
import pickle
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from fakes import CATCH, catch_experts

from pdlearn import ranks
from pdlearn.distill import Distillation
from pdlearn.jobs.training import drive
from pdlearn.pqn import PQN
from pdlearn.presets import DISTILL_BUDGETS, PQN_BUDGETS
from pdlearn.replay.collecting import collect
from pdlearn.replay.memory import Memory

SECONDS = 240
STUDENT = replace(
    DISTILL_BUDGETS["smoke"], size="net5", updates_per_hour=30, minibatch=16, temperature=1.0
)
PQN_TINY = replace(
    PQN_BUDGETS["smoke"], size="net5", agent_steps=512, num_envs=8, rollout_steps=16, minibatch=16,
    evaluation_period_steps=10**9,
)  # fmt: skip


def free_port():
    with socket.socket() as free:
        free.bind(("localhost", 0))
        return free.getsockname()[1]


def common_environment():
    path = os.pathsep.join([str(Path(__file__).parent), *filter(None, sys.path)])
    return {"PYTHONPATH": path, "OMP_NUM_THREADS": "1", "PDLEARN_QUIET": "1"}


def started(*words, folder, processes=2):
    """Run Python with `words` in several ranks, as torchrun does; return what each printed."""
    common = common_environment() | {
        "WORLD_SIZE": str(processes), "MASTER_ADDR": "localhost", "MASTER_PORT": str(free_port()),
    }  # fmt: skip
    running = [
        subprocess.Popen(
            [sys.executable, *words], cwd=folder, stderr=subprocess.PIPE, text=True,
            stdout=subprocess.PIPE, env=os.environ | common | {"RANK": str(rank)},
        )
        for rank in range(processes)
    ]  # fmt: skip
    said = [process.communicate(timeout=SECONDS) for process in running]
    for process, (_, complaint) in zip(running, said, strict=True):
        assert process.returncode == 0, complaint
    return said


class TapedMemory(Memory):
    """Keeps the minibatches that were drawn in `tape`, or gives those of `replayed`, if set."""

    replayed = None

    def sample_states(self, minibatch, generator):
        if self.replayed is not None:
            return next(self.replayed)
        if not hasattr(self, "tape"):
            self.tape = []
        self.tape.append(super().sample_states(minibatch, generator))
        return self.tape[-1]


def distil():
    teacher = catch_experts()[0]
    recording = collect(teacher, 400, num_envs=4, kind=TapedMemory)
    drive(Distillation(teacher, STUDENT, recording, precision="float32", folder="."))
    return recording.tape


def pqn():
    run = PQN(CATCH, PQN_TINY, precision="float32", folder=".")
    update, tape = run.learner.update, []

    def taped(batch, part):
        tape.append(batch)
        return update(batch, part)

    run.learner.update = taped
    drive(run)
    return tape


if __name__ == "__main__":
    with ranks.joined("cpu"):
        tape = {"distil": distil, "pqn": pqn}[sys.argv[1]]()
        Path(f"tape-{ranks.rank()}").write_bytes(pickle.dumps(tape))
