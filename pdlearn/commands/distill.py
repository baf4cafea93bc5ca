"""`pdlearn distill`: teachers into a student."""

import dataclasses
import math
import shlex
from pathlib import Path
from typing import Literal

import tyro

from pdlearn.commands.bars import follow
from pdlearn.commands.options import (
    Budget,
    Device,
    Games,
    Settings,
    TeacherSettings,
    config_of_run,
    device_by_name,
    new_student,
    settings_given,
    slug,
    teachers_of,
    with_settings,
)
from pdlearn.commands.refusals import (
    refuse_overwriting,
    refuse_unless_one_each,
    refuse_unused,
    refuse_unused_settings,
    state_to_resume,
)
from pdlearn.presets import (
    DISTILL_BUDGETS,
    DQN_BUDGETS,
    ONLINE_BUDGETS,
    DistillConfig,
    DQNConfig,
)
from pdlearn.progress import Bar
from pdlearn.schema import Minutes, Seed


def distill(
    games: Games = (),
    *,
    teacher: tyro.conf.UseAppendAction[tuple[str, ...]] = (),
    preprocessing: str | None = None,
    size: str | None = None,
    student: str | None = None,
    loss: Literal["kl", "reverse_kl", "nll", "mse", "advantage_mse"] | None = None,
    temperature: float | None = None,
    budget: Budget | None = None,
    minutes: Minutes = math.inf,
    seed: Seed | None = None,
    device: Device = "auto",
    folder: Path | None = None,
    resume: Path | None = None,
    recording: tyro.conf.UseAppendAction[tuple[Path, ...]] = (),
    online: tyro.conf.FlagCreatePairsOff[bool] = False,
    teacher_settings: TeacherSettings = (),
    settings: Settings = (),
) -> None:
    """Distil a teacher into a student, or the teachers of several games into one student.

    With --online the teacher is the best so far of a DQN that learns in the same run. torchrun
    starts one distillation in several processes.

    Args:
        games: the game that the teacher plays, or several with a teacher each (default beside
            --resume: the run's)
        teacher: a file, also of another library, or a shipped agent, once for each game in turn
            (default: GAME/teacher)
        preprocessing: profile of files of another library, such as sb3 (default: the library's)
        size: teacher, or net1 to net5; of several games multi3 or multi10 (default: the budget's)
        student: a class of your own, package.module:Class, called with num_actions=
        loss: what the student minimises (default: kl)
        temperature: divides the teacher's values, kl and reverse_kl only (default: the budget's, or
            1 for a policy of another library)
        budget: smoke (seconds), fast (minutes on two cores), full, paper (500 hours of play)
            (default: fast)
        minutes: stop after so many minutes; --resume goes on
        seed: of the student, the exploration and the games (default: 0, or the resumed run's)
        device: where the networks and the memory live
        folder: where the run is kept (default: runs/distill-GAMES-SIZE-LOSS-SEED, or runs/online-…)
        resume: a run's folder to go on from, with its settings
        recording: learn from this file of recorded play, once for each game in turn
        online: train a DQN of this budget, and distil its best so far all along
        teacher_settings: the DQN's settings, as in --teacher-set agent_steps=500000
        settings: other settings of the budget, as in --set minibatch=32
    """
    from pdlearn import ranks
    from pdlearn.distill import Distillation
    from pdlearn.networks import size_by_name
    from pdlearn.replay.recordings import load_recording

    given = settings_given(settings, size=size, loss=loss, temperature=temperature)
    taught_given = settings_given(teacher_settings)
    state = None
    if resume is not None:
        refuse_unused("beside --resume: a run keeps its settings, and --set changes them",
                      budget=budget)  # fmt: skip
        kinds_of_run = ("online",) if online else ("distill", "online")
        state = state_to_resume(resume, kinds_of_run, games, folder=folder, seed=seed)
        games, seed, online = state.games, state.seed, state.kind == "online"
    budget, seed = budget or "fast", seed or 0
    config = (ONLINE_BUDGETS if online else DISTILL_BUDGETS)[budget]
    config = with_settings(config, given) if state is None else config_of_run(state, config, given)
    size_by_name(config.size, several_games=len(games) > 1)
    if config.loss in ("nll", "mse", "advantage_mse"):
        refuse_unused_settings(f"with loss {config.loss}", given, "temperature")
    if online:
        refuse_unused(
            "with --online, where a DQN is the teacher", teacher=teacher, recording=recording,
            student=student, preprocessing=preprocessing,
        )  # fmt: skip
        refuse_unused_settings("with --online: the DQN's steps say how many", given, "hours")
        if len(games) != 1:
            raise ValueError(f"expected one game with --online; got {len(games)}")
        ranks.refuse_several("with --online")
        taught = DQN_BUDGETS[budget]
        if state is None:
            taught = with_settings(taught, taught_given)
        else:
            taught = config_of_run(state, taught, taught_given, part="teacher")
        _online(games[0], taught, config, seed, device_by_name(device), folder, resume, minutes)
        return
    refuse_unused("without --online: other teachers are trained", teacher_set=taught_given)
    if student is not None:
        refuse_unused_settings("with --student", given, "size", "normalization")
    if state is not None and state.student is not None and student is None:
        raise ValueError(f"{resume}: its student is a {state.student}; name its class by --student")
    agents = teachers_of(games, teacher, preprocessing)
    refuse_unless_one_each("recording", recording, games)
    if recording:
        refuse_unused_settings("with --recording", given, "steps_per_hour", "memory_hours",
                               "num_envs")  # fmt: skip
    named = {setting.partition("=")[0] for setting in given}
    if "temperature" not in named and any(a.card.get("outputs") == "logits" for a in agents):
        config = dataclasses.replace(config, temperature=1.0)
    own = None if student is None else new_student(student, len(agents[0].actions))
    size = config.size if own is None else type(own).__name__
    folder = resume or folder or Path(
        "runs", f"distill-{'-'.join(map(slug, games))}-{size}-{config.loss}-{seed}"
    )  # fmt: skip
    refuse_overwriting(folder, resume)
    with ranks.joined(device_by_name(device)) as place:
        memories = [
            load_recording(path, game, place)[0]
            for game, path in zip(games, recording, strict=False)
        ]
        run = Distillation(
            agents, config, memories or None, student=own, seed=seed, device=place,
            folder=folder, resume=resume is not None, minutes=minutes,
        )  # fmt: skip
        bar = Bar(f"distill {' '.join(games)}", config.hours * config.updates_per_hour, "updates")
        again = ["pdlearn", "distill", "--resume", str(folder)]
        for option, value in (("student", student), ("preprocessing", preprocessing)):
            again += [] if value is None else [f"--{option}", value]
        for option, names in (("teacher", teacher), ("recording", map(str, recording))):
            again += [word for name in names for word in (f"--{option}", name)]
        follow(
            run, bar, "updates", ("phase", "hour", "agent_steps", "loss", "agreement"),
            again=shlex.join(again),
        )  # fmt: skip
        if ranks.rank() > 0:
            return
    made = folder / "agent.safetensors"
    print(f"{made}: evaluate it with")
    for game in games:
        choice = f" --game {game}" if len(games) > 1 else ""
        choice += f" --student {student}" if student else ""
        print(f"  pdlearn evaluate {shlex.quote(str(made))}{choice}")


def _online(
    game: str, taught: DQNConfig, config: DistillConfig, seed: int, device: str,
    folder: Path | None, resume: Path | None, minutes: float,
) -> None:  # fmt: skip
    """Train a DQN and a student of its best."""
    from pdlearn.online import OnlineDistillation

    folder = resume or folder or Path(
        "runs", f"online-{slug(game)}-{config.size}-{config.loss}-{seed}"
    )  # fmt: skip
    refuse_overwriting(folder, resume)
    run = OnlineDistillation(
        game, taught, config, seed=seed, device=device, folder=folder, resume=resume is not None,
        minutes=minutes,
    )  # fmt: skip
    follow(
        run, Bar(f"online {game}", taught.agent_steps, "steps"), "agent_steps",
        ("phase", "agreement", "best_so_far", "student"),
        again=f"pdlearn distill --resume {shlex.quote(str(folder))}",
    )  # fmt: skip
    print(f"{folder / 'agent.safetensors'}: evaluate it and its teacher with")
    for name in ("agent", "best"):
        print(f"  pdlearn evaluate {shlex.quote(str(folder / f'{name}.safetensors'))}")
