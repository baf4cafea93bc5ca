"""The `pdlearn` command. Each subcommand is one function; torch is imported when one runs.

Long commands draw a progress bar on standard error and end with one line on standard output that
says what was made and where.
"""

import dataclasses
import json
import math
import signal
import sys
from pathlib import Path
from typing import Annotated, Literal

import tyro

from pdlearn.bars import Bar, follow, judge
from pdlearn.games import GAMES
from pdlearn.options import (
    config_of_run,
    device_by_name,
    known_game,
    refuse_overwriting,
    refuse_unless_one_each,
    slug,
    teachers_of,
    with_settings,
)
from pdlearn.presets import DISTILL_BUDGETS, TEACHER_BUDGETS, EvalConfig

Budget = Literal["smoke", "fast", "full", "paper"]
Device = Literal["auto", "cpu", "cuda"]
Game = Annotated[str, tyro.conf.Positional]
Games = Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="GAME [GAME ...]")]
Settings = Annotated[tuple[str, ...], tyro.conf.arg(name="set", metavar="KEY=VALUE")]


def teach(
    games: Games = (),
    all_games: Annotated[bool, tyro.conf.arg(name="all")] = False,
    budget: Budget = "fast",
    agent_steps: int | None = None,
    minutes: float = math.inf,
    seed: int = 0,
    device: Device = "auto",
    folder: Path | None = None,
    resume: Path | None = None,
    jobs: int = 1,
    slice_minutes: float = 30.0,
    settings: Settings = (),
) -> None:
    """Train a DQN teacher; runs/teach-GAME-SEED keeps it, with a CSV of its progress.

    Several games are trained in slices of time, the one furthest below its goal first; the same
    command goes on with what there is.

    Args:
        games: among the ten games, or a Gymnasium id with discrete actions
        all_games: all ten games
        budget: smoke (seconds), fast (about an hour on two cores), full (a GPU), paper (Nature DQN)
        agent_steps: agent steps in all (default: the budget's)
        minutes: stop after so many minutes; --resume goes on
        seed: of the network, the exploration and the games
        device: where the network and its memory live
        folder: where the run is kept (default: runs/teach-GAME-SEED); the runs, of several games
        resume: a run's folder to go on from
        jobs: how many of several games run side by side
        slice_minutes: how long each of several games runs before it is another's turn
        settings: other settings of the budget, as in --set n_step=1 double=True
    """
    if all_games or len(games) > 1:
        if games and all_games or resume is not None:
            raise ValueError("expected --all, or games by name; without --resume, which is implied")
        arguments = ["--budget", budget, "--seed", str(seed), "--device", device_by_name(device)]
        if agent_steps is not None:
            arguments += ["--agent-steps", str(agent_steps)]
        if settings:
            with_settings(TEACHER_BUDGETS[budget], settings)
            arguments += ["--set", *settings]
        names = [known_game(game) for game in games] or list(GAMES)
        folders = {name: (folder or Path("runs")) / f"teach-{name}-{seed}" for name in names}
        _teach_many(folders, arguments, jobs, minutes, slice_minutes)
        return
    if not games:
        raise ValueError(f"expected a game, or --all; games: {', '.join(GAMES)}")
    game = games[0]

    from pdlearn.dqn import Teaching

    config = with_settings(TEACHER_BUDGETS[budget], settings)
    if agent_steps is not None:
        config = dataclasses.replace(config, agent_steps=agent_steps)
    if resume is not None:
        config, seed = config_of_run(resume, config, seed, settings, agent_steps)
    folder = resume or folder or Path("runs", f"teach-{slug(game)}-{seed}")
    refuse_overwriting(folder, resume)
    run = Teaching(
        game, config, seed=seed, device=device_by_name(device), folder=folder,
        resume=resume is not None, minutes=minutes,
    )  # fmt: skip
    bar = Bar(f"teach {game}", config.agent_steps, "steps")
    follow(
        run, bar, "agent_steps", ("score", "best_evaluation", "loss", "epsilon"),
        f"pdlearn teach {game} --resume {folder}",
    )  # fmt: skip
    best = folder / "best.safetensors"
    made = best if best.exists() else folder / "agent.safetensors"
    print(f"{made}: score it afresh with")
    print(f"  pdlearn evaluate {made}")


def _teach_many(
    folders: dict[str, Path], arguments: list[str], jobs: int, minutes: float, slice_minutes: float
) -> None:
    """Drive `teach_many`, a line for every slice that ends."""
    from pdlearn.teachers import teach_many

    slices = teach_many(folders, arguments, jobs=jobs, minutes=minutes, slice_minutes=slice_minutes)
    try:
        for now in slices:
            print(
                f"{now.game:15s} {now.agent_steps:11,d} steps, best evaluation "
                f"{now.best_evaluation:9.1f}, {now.way:5.1f} % of the way to Nature DQN",
                flush=True,
            )
    finally:
        slices.close()


def distill(
    games: Games,
    teacher: tyro.conf.UseAppendAction[tuple[str, ...]] = (),
    size: str = "net3",
    loss: Literal["kl", "nll", "mse"] = "kl",
    temperature: float | None = None,
    budget: Budget = "fast",
    minutes: float = math.inf,
    seed: int = 0,
    device: Device = "auto",
    folder: Path | None = None,
    resume: Path | None = None,
    recording: tyro.conf.UseAppendAction[tuple[Path, ...]] = (),
    settings: Settings = (),
) -> None:
    """Distil a teacher into a student, or the teachers of several games into one student.

    Args:
        games: the game that the teacher plays, or several with a teacher each
        teacher: a file or a shipped agent, once for each game in turn (default: GAME/teacher)
        size: teacher, net1, net2 or net3; of several games multi3 or multi10
        loss: what the student minimises
        temperature: divides the teacher's values, kl only (default: the budget's)
        budget: smoke (seconds), fast (minutes on two cores), full, paper (500 hours of play)
        minutes: stop after so many minutes; --resume goes on
        seed: of the student, the teacher's exploration and the games
        device: where the networks and the memory live
        folder: where the run is kept (default: runs/distill-GAMES-SIZE-LOSS-SEED)
        resume: a run's folder to go on from
        recording: learn from this file of recorded play, once for each game in turn
        settings: other settings of the budget, as in --set minibatch=32
    """
    from pdlearn.distill import Distillation
    from pdlearn.networks import size_by_name
    from pdlearn.recordings import load_recording

    config = with_settings(DISTILL_BUDGETS[budget], settings)
    config = dataclasses.replace(config, size=size, loss=loss)
    if temperature is not None:
        config = dataclasses.replace(config, temperature=temperature)
    if resume is not None:
        config, seed = config_of_run(resume, config, seed, settings)
    size_by_name(config.size, several_games=len(games) > 1)
    agents = teachers_of(games, teacher)
    folder = resume or folder or Path(
        "runs", f"distill-{'-'.join(map(slug, games))}-{config.size}-{config.loss}-{seed}"
    )  # fmt: skip
    refuse_overwriting(folder, resume)
    refuse_unless_one_each("recording", recording, games)
    memories = [
        load_recording(path, game, device_by_name(device))[0]
        for game, path in zip(games, recording, strict=False)
    ]
    run = Distillation(
        agents, config, memories or None, seed=seed, device=device_by_name(device), folder=folder,
        resume=resume is not None, minutes=minutes,
    )  # fmt: skip
    bar = Bar(f"distill {' '.join(games)}", config.hours * config.updates_per_hour, "updates")
    again = ["pdlearn distill", *games, f"--resume {folder}"]
    follow(
        run, bar, "updates", ("phase", "hour", "agent_steps", "loss", "agreement"),
        " ".join([*again, *(f"--teacher {name}" for name in teacher)]),
    )  # fmt: skip
    print(f"{folder / 'agent.safetensors'}: judge it with")
    for game in games:
        choice = f" --game {game}" if len(games) > 1 else ""
        print(f"  pdlearn evaluate {folder / 'agent.safetensors'}{choice}")


def record(
    game: Game,
    file: Annotated[Path, tyro.conf.Positional],
    teacher: str | None = None,
    agent_steps: int = 54_000,
    epsilon: float = 0.05,
    seed: int = 0,
) -> None:
    """Record a teacher's play to a file that `pdlearn distill --recording` learns from.

    Args:
        game: the game that the teacher plays
        file: where to write it
        teacher: a file or a shipped agent (default: GAME/teacher)
        agent_steps: how long; a paper hour is 54,000
        epsilon: the teacher's exploration
        seed: of the exploration and the games
    """
    import torch

    from pdlearn.recordings import record as fill
    from pdlearn.recordings import save_recording, watch

    (agent,) = teachers_of((game,), (teacher,) if teacher else ())
    generator = torch.Generator().manual_seed(seed)
    memory, play = watch(agent, 16, agent_steps, epsilon, generator, seed, "collect")
    bar = Bar(f"record {game}", agent_steps, "steps")
    for count in fill(play, memory, agent_steps):
        bar.update(count)
    bar.close()
    play.close()
    card = {key: agent.card[key] for key in ("game", "actions", "preprocessing")}
    card |= {"teacher": teacher or f"{game}/teacher", "epsilon": epsilon, "seed": seed}
    save_recording(file, memory, card)
    print(f"{file}: {len(memory):,} states, {file.stat().st_size / 1e6:.1f} MB")


def evaluate(
    agent: Annotated[str, tyro.conf.Positional],
    game: str | None = None,
    episodes: int = EvalConfig.episodes,
    epsilon: float = EvalConfig.epsilon,
    seed: int = 0,
    device: Device = "auto",
    json_file: Annotated[Path | None, tyro.conf.arg(name="json")] = None,
) -> None:
    """Judge an agent by full episodes: mean raw score with a 95 % interval.

    Args:
        agent: a file, or a shipped agent such as pong/net3
        game: which one, if the agent plays several
        episodes: full episodes played
        epsilon: the agent's exploration
        seed: of the exploration and the games; training never sees these games
        device: where the network lives
        json_file: also write the result to this file
    """
    from pdlearn import zoo

    judged = zoo.load(agent, device_by_name(device), game)
    result = judge(judged, EvalConfig(episodes=episodes, epsilon=epsilon), seed, agent)
    facts = result.card()
    teacher = zoo.score_of(f"{judged.game}/teacher")
    if teacher is not None and teacher > 0:
        facts["percent_of_teacher"] = 100 * result.mean / teacher
    if json_file is not None:
        json_file.write_text(json.dumps({**facts, "scores": result.scores}, indent=1) + "\n")
    print(
        f"{agent}: {facts['mean']:.2f} [{facts['low']:.2f}, {facts['high']:.2f}] "
        f"over {facts['episodes']} episodes of {facts['mean_steps']:.0f} steps, "
        f"{facts['truncated']} cut by the frame cap"
    )
    if "percent_of_teacher" in facts:
        print(f"{facts['percent_of_teacher']:.1f} % of {judged.game}/teacher ({teacher:.2f})")


def zoo_(
    action: Annotated[Literal["list", "check"], tyro.conf.Positional] = "list",
    episodes: int = 10,
    seed: int = 2,
) -> None:
    """List the shipped agents with their size and score, or check that they still score so.

    Args:
        action: list, or check, which plays each agent and says which fall outside their card
        episodes: full episodes played of each (check only)
        seed: of the exploration and the games (check only)
    """
    from pdlearn import zoo
    from pdlearn.networks import parameter_count

    if action == "check":
        outside = []
        for name in zoo.names():
            agent = zoo.load(name)
            result = judge(agent, EvalConfig(episodes=episodes), seed, name)
            (low, high), card = result.interval, agent.card["score"]
            fits = zoo.within_card(agent, result)
            print(
                f"{name:20s} {result.mean:9.1f} [{low:.1f}, {high:.1f}], card "
                f"{card['mean']:.1f} [{card['low']:.1f}, {card['high']:.1f}]"
                f"{'' if fits else ': outside'}",
                flush=True,
            )
            outside += [] if fits else [name]
        if outside:
            raise ValueError(f"outside their card: {', '.join(outside)}")
        return
    print(f"{'name':20s} {'parameters':>10s} {'kB':>6s} {'score':>9s}  95 % interval")
    for name in zoo.names():
        agent = zoo.load(name)
        score = agent.card.get("score", {})
        kilobytes = zoo.path(name).stat().st_size / 1e3
        print(
            f"{name:20s} {parameter_count(agent.network):10,d} {kilobytes:6.0f} "
            f"{score.get('mean', math.nan):9.1f}  "
            f"[{score.get('low', math.nan):.1f}, {score.get('high', math.nan):.1f}] "
            f"over {score.get('episodes', 0)} episodes"
        )


def tour(
    folder: Path = Path("runs/tour"),
    game: str = "pong",
    budget: Literal["smoke", "fast"] = "fast",
    seed: int = 0,
) -> None:
    """Distil the shipped Pong teacher into net3, judge both, and leave a page to look at.

    Args:
        folder: where report.html and result.json are written
        game: a game with a shipped teacher
        budget: smoke proves that it runs; fast takes a few minutes on two cores
        seed: of the student, the exploration and the games
    """
    from pdlearn.tour import run_tour

    result = run_tour(folder, known_game(game), budget, seed, Bar, judge)
    print(
        f"teacher {result['teacher_score']:.2f}, student {result['student_score']:.2f}: "
        f"{result['student_percent']:.1f} % of the score with "
        f"{100 * result['student_parameters'] / result['teacher_parameters']:.1f} % of the "
        f"parameters, in {result['seconds']:.0f} s"
    )
    print(f"look at {folder / 'report.html'}")


def reproduce(
    experiment: Annotated[Literal["table1", "compression", "temperature"], tyro.conf.Positional],
    budget: Literal["smoke", "fast", "full"] = "fast",
    games: tuple[str, ...] = (),
    seeds: tuple[int, ...] = (0, 1),
    folder: Path = Path("runs/reproduce"),
    results: Path = Path("docs/results"),
) -> None:
    """Run a table of the paper on the shipped teachers; a cell that was run is not run again.

    Args:
        experiment: table1 (three losses), compression (net1 to net3), or temperature
        budget: how long each student learns and how many episodes judge it
        games: only these (default: all of the table's that have a shipped teacher)
        seeds: a student each
        folder: where students and recorded play are kept
        results: where the table's CSV and its picture are written
    """
    from pdlearn.experiments import picture, table
    from pdlearn.reproduce import finished_rows
    from pdlearn.reproduce import reproduce as run_missing

    def drive(run, title: str) -> None:
        updates = run.config.hours * run.config.updates_per_hour
        bar = Bar(f"distill {title}", updates, "updates")
        follow(run, bar, "updates", ("loss", "agreement"), f"pdlearn reproduce {experiment}")

    games = tuple(known_game(game) for game in games)
    for row in run_missing(experiment, budget, games, seeds, folder, results, drive, judge):
        print(
            f"{row['game']:15s} {row['label']:6s} seed {row['seed']}: {row['mean']:.1f} "
            f"[{row['low']:.1f}, {row['high']:.1f}], {row['percent']:.1f} % of the teacher",
            flush=True,
        )
    rows = finished_rows(experiment, budget, games, seeds, results)
    if not rows:
        raise ValueError("none of these games has a shipped teacher; expected one that has")
    picture(experiment, rows).savefig(results / f"{experiment}.png", dpi=120)
    print(table(experiment, rows))


def bench(
    peer: Literal["none", "sb3"] = "none",
    json_file: Annotated[Path | None, tyro.conf.arg(name="json")] = None,
    seconds: float = 20.0,
    device: Device = "auto",
) -> None:
    """Measure speed on Pong, each loop as a share of the ceiling that this same run measured.

    Args:
        peer: sb3 also measures Stable-Baselines3's DQN (pip install stable-baselines3 and opencv)
        json_file: also write the figures to this file
        seconds: how long each figure is measured, in five slices in turn with the others
        device: where the networks and the memory live
    """
    from pdlearn.bench import measure, slice_count

    bar = Bar("bench", slice_count(peer), "slices")
    figures = measure(device_by_name(device), seconds, peer, bar.update)
    bar.close()
    for name, value, unit, note in figures:
        print(f"{name:34s} {value:10.2f} {unit:12s} {note}")
    if json_file is not None:
        values = {name: value for name, value, _, _ in figures}
        json_file.write_text(json.dumps(values, indent=1) + "\n")


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return its exit status: 0, 2 for a bad input, 130 for Ctrl-C."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    commands = {
        "tour": tour, "teach": teach, "distill": distill, "record": record,
        "evaluate": evaluate, "zoo": zoo_, "reproduce": reproduce, "bench": bench,
    }  # fmt: skip

    try:
        tyro.extras.subcommand_cli_from_dict(
            commands, prog="pdlearn", args=arguments, sort_subcommands=False,
            description="Policy distillation: teach DQN teachers, distil students, judge both.",
        )  # fmt: skip
    except (ValueError, OSError) as error:
        print(f"pdlearn: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
