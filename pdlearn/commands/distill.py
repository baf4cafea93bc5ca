"""`pdlearn distill`: teachers into a student."""

import dataclasses
import math
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
    refuse_beside_resume,
    refuse_overwriting,
    refuse_unless_one_each,
    slug,
    teachers_of,
    with_settings,
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
    games: Games,
    *,
    teacher: tyro.conf.UseAppendAction[tuple[str, ...]] = (),
    preprocessing: str | None = None,
    size: str | None = None,
    student: str | None = None,
    loss: Literal["kl", "reverse_kl", "nll", "mse"] | None = None,
    temperature: float | None = None,
    budget: Budget = "fast",
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

    With --online the teacher is the best so far of a DQN that learns in the same run.

    Args:
        games: the game that the teacher plays, or several with a teacher each
        teacher: a file, also of another library, or a shipped agent, once for each game in turn
            (default: GAME/teacher)
        preprocessing: profile of files of another library, such as sb3 (default: the library's)
        size: teacher, or net1 to net5; of several games multi3 or multi10 (default: the budget's)
        student: a class of your own, package.module:Class, called with num_actions=
        loss: what the student minimises (default: kl)
        temperature: divides the teacher's values, kl and reverse_kl only (default: the budget's, or
            1 for a policy of another library)
        budget: smoke (seconds), fast (minutes on two cores), full, paper (500 hours of play)
        minutes: stop after so many minutes; --resume goes on
        seed: of the student, the exploration and the games (default: 0, or the resumed run's)
        device: where the networks and the memory live
        folder: where the run is kept (default: runs/distill-GAMES-SIZE-LOSS-SEED, or runs/online-…)
        resume: a run's folder to go on from
        recording: learn from this file of recorded play, once for each game in turn
        online: train a DQN of this budget, and distil its best so far all along
        teacher_settings: the DQN's settings, as in --teacher-set agent_steps=500000
        settings: other settings of the budget, as in --set minibatch=32
    """
    from pdlearn.distill import Distillation
    from pdlearn.networks import size_by_name
    from pdlearn.replay.recordings import load_recording

    given = {"size": size, "loss": loss, "temperature": temperature}
    settings = (*(f"{k}={value}" for k, value in given.items() if value is not None), *settings)
    config = with_settings((ONLINE_BUDGETS if online else DISTILL_BUDGETS)[budget], settings)
    if resume is not None:
        refuse_beside_resume(folder, resume)
        config, seed = config_of_run(resume, config, settings, seed=seed)
    seed = seed or 0
    size_by_name(config.size, several_games=len(games) > 1)
    if online:
        if len(games) != 1 or teacher or recording or student:
            raise ValueError(
                "expected one game with --online, and neither teachers, recordings nor a student"
            )
        taught = with_settings(DQN_BUDGETS[budget], teacher_settings)
        if resume is not None:
            taught, seed = config_of_run(resume, taught, teacher_settings, part="teacher")
        _online(games[0], taught, config, seed, device_by_name(device), folder, resume, minutes)
        return
    if teacher_settings:
        raise ValueError("expected --online beside --teacher-set; other teachers are trained")
    agents = teachers_of(games, teacher, preprocessing)
    if temperature is None and any(a.card.get("outputs") == "logits" for a in agents):
        config = dataclasses.replace(config, temperature=1.0)
    own = None if student is None else new_student(student, len(agents[0].actions))
    size = config.size if own is None else type(own).__name__
    folder = resume or folder or Path(
        "runs", f"distill-{'-'.join(map(slug, games))}-{size}-{config.loss}-{seed}"
    )  # fmt: skip
    refuse_overwriting(folder, resume)
    refuse_unless_one_each("recording", recording, games)
    memories = [
        load_recording(path, game, device_by_name(device))[0]
        for game, path in zip(games, recording, strict=False)
    ]
    run = Distillation(
        agents, config, memories or None, student=own, seed=seed, device=device_by_name(device),
        folder=folder, resume=resume is not None, minutes=minutes,
    )  # fmt: skip
    bar = Bar(f"distill {' '.join(games)}", config.hours * config.updates_per_hour, "updates")
    again = ["pdlearn distill", *games, f"--resume {folder}"]
    given = {"student": student, "preprocessing": preprocessing}
    again += [f"--{option} {value}" for option, value in given.items() if value is not None]
    follow(
        run, bar, "updates", ("phase", "hour", "agent_steps", "loss", "agreement"),
        again=" ".join([*again, *(f"--teacher {name}" for name in teacher)]),
    )  # fmt: skip
    print(f"{folder / 'agent.safetensors'}: evaluate it with")
    for game in games:
        choice = f" --game {game}" if len(games) > 1 else ""
        choice += f" --student {student}" if student else ""
        print(f"  pdlearn evaluate {folder / 'agent.safetensors'}{choice}")


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
        again=f"pdlearn distill {game} --online --resume {folder}",
    )  # fmt: skip
    print(f"{folder / 'agent.safetensors'}: evaluate it and its teacher with")
    for name in ("agent", "best"):
        print(f"  pdlearn evaluate {folder / f'{name}.safetensors'}")
