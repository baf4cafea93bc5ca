"""Wrong command lines: each command with each of its options wrong."""

import contextlib
import io
import os
import re
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

from campaign import Began, Case, Refused

from pdlearn import cli
from pdlearn.course import grading  # noqa: F401  its libraries start processes when imported
from pdlearn.envs import Environment
from pdlearn.presets import DISTILL_BUDGETS, DQN_BUDGETS, PQN_BUDGETS, kinds

GAME = "pdlearn/Catch-v0"
HUGE = "9" * 40
NO_NUMBER = ["x", "", "1;2", "0x10", "true", "--"]
NO_INTEGER = [*NO_NUMBER, "nan", "inf", "-inf", "1.5", "1e3", "-1", "-3", HUGE]
NO_COUNT = [*NO_INTEGER, "0"]
NO_SHARE = [*NO_NUMBER, "nan", "inf", "-inf", "-1", "-1e-9", "1.0001", "2", "1e308"]
NO_MINUTES = [*NO_NUMBER, "nan", "-1", "-inf"]
NO_CHOICE = ["", "x", "FAST", "nan", "0", "--"]
NO_GAME = ["", "pnog", "Pong", "nan", "../pong", "Pong-v99", "pdlearn/Nothing-v0", "a" * 3_000]
NO_FOLDER = ["nan", "inf", "-inf", "1e5", "7", "file/below", "fifo", os.devnull, "n" * 300]
NO_OUTPUT = [*NO_FOLDER, "folder"]
NO_INPUT = ["nowhere", "folder", "fifo", os.devnull, "file", "", "nan", "pong/net9"]
NO_EXECUTOR = [
    "", "x", "Local", "local:", *(f"local:{n}" for n in ("0", "-1", "x", "1.5", HUGE)), "ray:",
    "slurm", "slurm:", "slurm:nowhere", "slurm:folder", "slurm:fifo", "slurm:file",
]  # fmt: skip
NO_SETTING = ["", "=", "x=1", "n_step", "n_step=", "=3", "n_step=1=2", "N_STEP=1"]
# What only Python or a library would say.
FOREIGN = re.compile(
    r"Traceback|invalid literal|could not convert|object is not|unexpected keyword|Overflow|"
    r"non-negative integer|out of range for|must be real|has no attribute|dimension"
)

MANY = ["train", "pong", "qbert", "--budget", "smoke"]
OPTIONS: list[tuple[list[str], dict[str, list[str]]]] = [
    (["record", GAME, "new.rec", "--teacher", "pong/net3"], {"--agent-steps": NO_COUNT}),
    (["record", "pong", "new.rec"], {
        "--agent-steps": [*NO_COUNT, "10000000000000", "3"], "--epsilon": NO_SHARE,
        "--seed": NO_INTEGER, "--teacher": NO_INPUT,
    }),
    (["starts", "pong", "new.safetensors"], {
        "--count": [*NO_COUNT, "10000000000000"], "--seed": NO_INTEGER,
    }),
    (["evaluate", "pong/net3"], {
        "--episodes": [*NO_COUNT, "10000000000000"], "--epsilon": NO_SHARE, "--seed": NO_INTEGER,
        "--game": NO_GAME, "--starts": NO_INPUT, "--device": NO_CHOICE, "--json": NO_OUTPUT,
    }),
    (["zoo", "check"], {"--episodes": [*NO_COUNT, "10000000000000"], "--seed": NO_INTEGER}),
    (["bench"], {
        "--seconds": [*NO_MINUTES, "inf", "0", "1e308", "0.01"], "--peer": NO_CHOICE,
        "--device": NO_CHOICE, "--json": NO_OUTPUT,
        "--decisions": NO_OUTPUT,
    }),
    (["tour", "--budget", "smoke"], {
        "--seed": NO_INTEGER, "--game": NO_GAME, "--budget": NO_CHOICE, "--folder": NO_FOLDER,
    }),
    (["reproduce", "table1", "--budget", "smoke"], {
        "--seeds": NO_INTEGER, "--games": NO_GAME, "--budget": NO_CHOICE,
        "--executor": NO_EXECUTOR,
    }),
    (["reproduce", "online", "--budget", "smoke"], {"--seeds": NO_INTEGER, "--games": NO_GAME}),
    (["reproduce", "figure1", "--budget", "smoke"], {"--seeds": NO_INTEGER, "--games": NO_GAME}),
    (["train", GAME, "--budget", "smoke", "--folder", "new"], {
        "--agent-steps": [*NO_COUNT, "10000000000000"], "--minutes": NO_MINUTES,
        "--seed": NO_INTEGER, "--budget": NO_CHOICE, "--method": NO_CHOICE, "--device": NO_CHOICE,
        "--resume": NO_INPUT, "--set": NO_SETTING, "--teacher": [*NO_INPUT, "pong/teacher"],
    }),
    (["train", GAME, "--budget", "smoke"], {"--folder": NO_FOLDER}),
    (MANY, {
        "--executor": NO_EXECUTOR, "--minutes": NO_MINUTES,
        "--agent-steps": NO_COUNT, "--seed": NO_INTEGER, "--resume": ["run"],
        "--set": NO_SETTING,
    }),
    (["distill", "pong", "--budget", "smoke", "--folder", "new"], {
        "--size": [*NO_CHOICE, "multi3", "net9"], "--loss": NO_CHOICE,
        "--temperature": [*NO_NUMBER, "nan", "inf", "0", "-1", "1e-320", "1e308"],
        "--minutes": NO_MINUTES, "--seed": NO_INTEGER, "--budget": NO_CHOICE,
        "--teacher": NO_INPUT, "--recording": NO_INPUT, "--resume": NO_INPUT,
        "--set": NO_SETTING, "--teacher-set": ["agent_steps=5", "x"], "--device": NO_CHOICE,
    }),
    (["distill", "pong", "--online", "--budget", "smoke", "--folder", "new"], {
        "--teacher-set": [*NO_SETTING, "agent_steps=5"], "--teacher": ["pong/net3"],
        "--recording": ["file"], "--set": ["student_share=0.5"], "--resume": NO_INPUT,
    }),
    (["distill", "pong", "--budget", "smoke"], {"--folder": NO_FOLDER}),
    (["distill", "pong", "--budget", "smoke", "--folder", "new"], {
        "--student": ["", ":", "no_such_module", "no_such_module:Y", "os:path", "os:nothing",
                      "..:X", "torch.nn:Nothing", "torch.nn:ReLU", "torch.nn:Linear"],
    }),
    (["course", "grade", "folder", "distilling"], {
        "--cell-seconds": NO_COUNT, "--notebook-seconds": NO_COUNT,
        "--memory-gb": [*NO_MINUTES, "0", "inf", "1e308"],
    }),
    (["course", "init", "new"], {"--format": NO_CHOICE}),
]  # fmt: skip
# Options that the command would not use beside the others.
UNUSED = [line.split() for line in (
    "train pong --executor local", "train pong qbert --joint --executor local:2",
    "reproduce figure1 --executor local", "reproduce tsne --executor ray",
    "train pong --agent-steps 5 --set agent_steps=6", "train pong --set n_step=1 n_step=2",
    "train pong --budget fast --budget full", "train pong pong", "train --all --joint --resume x",
    "train pong --method pqn --teacher pong/teacher", "train pong --teacher pong/teacher",
    "train pong --set distillation_weight=1", "train pong qbert --teacher pong/teacher",
    "distill pong --size net3 --set size=net4", "distill pong --loss nll --temperature 2",
    "distill pong --loss mse --set temperature=2", "distill pong --size net3 --student a:B",
    "distill pong --recording f --set num_envs=2", "distill pong --preprocessing sb3",
    "distill pong --online --preprocessing sb3", "distill pong --online --set hours=3",
    "record pong new.rec --preprocessing sb3", "evaluate pong/net3 --preprocessing sb3",
    "evaluate pong/net3 --student torch.nn:ReLU", "evaluate pong/net3 --student os:path",
    "zoo list --episodes 5", "zoo list --seed 0", "reproduce table1 --agent f",
    "reproduce smaller --agent f", "reproduce figure1 --budget full", "reproduce figure1 --agent f",
    "reproduce figure1 --seeds 1 2", "reproduce figure1 --folder f", "reproduce tsne --games pong",
    "reproduce tsne --folder f", "course init new distilling", "course init new --from f",
    "course init new --student ann", "course release new --memory-gb 2",
    "course release new --format otter", "course collect new distilling --exchange",
    "course report new distilling", "course report new --student ann",
    "course grade new distilling --format otter", "export pong/net3 new --game qbert",
    "export multi3/kl new --game pong", "export pong/net3 --push a/b", "export pong/net3",
)]  # fmt: skip
POSITIONALS = [
    *(["record", "pong", file] for file in NO_OUTPUT),
    *(["starts", "pong", file] for file in NO_OUTPUT),
    *(["record", game, "new.rec"] for game in NO_GAME),
    *(["starts", game, "new.safetensors"] for game in NO_GAME),
    *(["train", game, "--folder", "new"] for game in NO_GAME),
    *(["distill", game, "--folder", "new"] for game in NO_GAME),
    *(["evaluate", agent] for agent in NO_INPUT),
    *(["reproduce", experiment] for experiment in NO_CHOICE),
    *(["zoo", action] for action in NO_CHOICE if action != "--"),
    ["train"], ["distill"], ["train", "pong", "pong", "--joint"], ["train", "pong", "--joint"],
    ["train", "--all", "pong"], ["nothing"], ["--nothing"], ["record", "pong"],
    *(["course", action, folder] for action in ("init", "release", "collect", "grade", "report")
      for folder in ("nan", "file/below", "file", "n" * 300, os.devnull, "folder/..")),
    *(["course", action, "folder", "nothing"] for action in ("release", "collect", "grade")),
    *(["export", agent, "new"] for agent in NO_INPUT),
    *(["export", "pong/net3", folder] for folder in ("nan", "file/below", "file", os.devnull)),
    *(["tour", "--folder", folder] for folder in ("file/below", "file", os.devnull)),
    *(["lessons", folder] for folder in ("nan", "file/below", "file", os.devnull, "n" * 300)),
    *(["reproduce", "table1", "--results", folder]
      for folder in ("nan", "file/below", "file", os.devnull, "n" * 300)),
    ["reproduce", "figure1", "--seeds"], ["reproduce", "table1", "--seeds"],
]  # fmt: skip
BOUNDS = {
    int: ["x", "", "nan", "inf", "1.5", "-1", HUGE, "10000000000000000000", "None", "true"],
    float: ["x", "", "nan", "inf", "-inf", "-1", "1e308", "None", "1,5"],
    bool: ["x", "", "1", "0", "yes", "None", "nan"],
    str: ["", "x", "nan", "ADAM", "0", "../x"],
}  # fmt: skip


def settings() -> Iterator[list[str]]:
    """Yield lines with each setting of each kind of run wrong."""
    distilled = ["distill", "pong", "--budget", "smoke", "--folder", "new"]
    for begin, option, preset in (
        (["train", GAME, "--budget", "smoke", "--folder", "new"], "--set", DQN_BUDGETS["smoke"]),
        (["train", GAME, "--method", "pqn", "--budget", "smoke", "--folder", "new"], "--set",
         PQN_BUDGETS["smoke"]),
        (distilled, "--set", DISTILL_BUDGETS["smoke"]),
        ([*distilled, "--online"], "--teacher-set", DQN_BUDGETS["smoke"]),
    ):  # fmt: skip
        for name, kind in kinds(preset).items():
            for text in BOUNDS[kind]:
                yield [*begin, option, f"{name}={text}"]


def lines() -> Iterator[list[str]]:
    """Yield all wrong lines."""
    for begin, options in OPTIONS:
        for option, texts in options.items():
            for text in texts:
                yield [*begin, option, text]
            if option not in ("--seeds", "--games", "--set", "--teacher-set"):  # none is right
                yield [*begin, option]
    yield from UNUSED
    yield from POSITIONALS
    yield from settings()


def refusing(line: list[str]) -> object:
    """Run a line; raise Refused if it was refused as it must be."""
    told = io.StringIO()

    def began(*_: object, **__: object) -> None:
        raise Began(" ".join(line)[:200])

    with (
        mock.patch.object(Environment, "reset_to", began),
        mock.patch("subprocess.Popen", began),
        contextlib.redirect_stderr(told),
    ):
        try:
            status: object = cli.main(list(line))
        except SystemExit as error:
            status = error.code
    said = told.getvalue().strip()
    if status != 2:
        return status
    if said.startswith("pdlearn:") and (FOREIGN.search(said) or "\n" in said):
        raise RuntimeError(said[:300])
    raise Refused(said[:300])


def commands(folder: Path) -> Iterator[Case]:
    """Yield the wrong lines, run in `folder`."""
    (folder / "folder").mkdir()
    (folder / "file").write_text("no agent")
    os.mkfifo(folder / "fifo")
    for line in lines():

        def call(line: list[str] = line) -> object:
            with contextlib.chdir(folder):
                return refusing(line)

        yield Case(" ".join(line)[:150], call)
