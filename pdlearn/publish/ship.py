"""Add a trained agent to the package: convert it to float16, evaluate that file, keep the results.

python -m pdlearn.publish.ship runs/train-pong-0/best.safetensors --commit HASH
python -m pdlearn.publish.ship --rescore all
python -m pdlearn.publish.ship pdlearn/zoo/pong/teacher.safetensors --name pong/dqn --commit HASH

The second command evaluates all shipped agents whose score has another protocol. It can be stopped
and started again. The third keeps a teacher under another name before its successor is shipped.
"""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import torch
import tyro

from pdlearn import zoo
from pdlearn.cards import current_card
from pdlearn.checkpoints import Agent, load_whole, save_agent
from pdlearn.evaluation import PROTOCOL, Evaluation, evaluate, protocol_of
from pdlearn.networks import MULTI_SIZES, parameter_count
from pdlearn.presets import EvalConfig
from pdlearn.publish import agents
from pdlearn.rows import read_rows, write_rows
from pdlearn.tensor_files import read_file, write_file

CURVE = ("agent_steps", "updates", "score", "evaluation", "seconds")

# A teacher plays each start four times, other networks twice.
TEACHER_EPISODES, OTHER_EPISODES = 120, 60


def ship(
    file: Path, commit: str, *, name: str | None = None, episodes: int | None = None, seed: int = 1,
    root: Path = Path("."),
) -> None:  # fmt: skip
    """Copy the agent in `file` to the zoo as float16, evaluate the copy, write card and results.

    `name` is for an agent of one game that ships beside others of its size, as in `pong/dqn`.

    A network for several games is evaluated on each of them. The `metrics.csv` in the folder of a
    teacher's file becomes its learning curve. `seed` must not have been used to select the agent;
    evaluations during training use other seeds.
    """
    agent = load_whole(file)
    name = name or zoo.name_of(agent)
    card = {key: value for key, value in agent.card.items() if key != "score"}
    card["made"] = {**card["made"], "commit": commit}
    save_agent(zoo.path(name), Agent(agent.network, card), torch.float16)
    metrics = read_rows(file.with_name("metrics.csv"))
    if name.endswith("/teacher") and metrics:
        curves = root / "docs" / "results" / "curves"
        write_rows(curves / f"{agent.game}.csv", thinned(metrics))
    score(name, episodes, seed, root)


def score(name: str, episodes: int | None = None, seed: int = 1, root: Path = Path(".")) -> None:
    """Evaluate a shipped agent in each game without a score by `PROTOCOL`; write card and results.

    Only the score on the card changes in the agent's file. It is written last, so that a game with
    a score on the card has all its results.
    """
    agent = load_whole(zoo.path(name))
    teaches = name.endswith("/teacher")
    config = EvalConfig(episodes=episodes or (TEACHER_EPISODES if teaches else OTHER_EPISODES))
    results = root / "docs" / "results"
    for game in unscored(agent):
        result = evaluate(agent.for_game(game), config, seed)
        scores = {**agent.card.get("score", {}), game: result.card()}
        agent = Agent(agent.network, {**agent.card, "score": scores})
        row = row_of(agent.for_game(game), name)
        table = results / ("teachers.csv" if teaches else "students.csv")
        _enter(table, [row], ("game", "network"), lambda r: (r["game"], -int(r["parameters"])))
        rows = episode_rows(name, result)
        _enter(results / "episodes.csv", rows, ("agent", "game"), lambda r: (r["game"], r["agent"]))
        agents.build(root)
        tensors, card = read_file(zoo.path(name))
        write_file(zoo.path(name), tensors, {**current_card(card), "score": scores})
        low, high = result.interval
        print(f"{name}, {game}: {result.mean:.2f} [{low:.2f}, {high:.2f}]", flush=True)


def unscored(agent: Agent) -> list[str]:
    """Return the games for which the agent's card has no score by `PROTOCOL`."""
    return [game for game in agent.games if not _is_current(agent.for_game(game).score)]


def _is_current(score: dict) -> bool:
    """Return whether a card's `score` is by `PROTOCOL`; an empty one is not."""
    return score.get("protocol", "").startswith(PROTOCOL)


def episode_rows(name: str, result: Evaluation) -> list[dict]:
    """Return one row per episode of a shipped agent's evaluation."""
    episodes = zip(result.starts, result.emulator_seeds, result.scores, result.lengths, strict=True)
    return [
        {
            "agent": name, "game": result.game, "protocol": PROTOCOL, "epsilon": result.epsilon,
            "seed": result.seed, "start": start, "emulator_seed": emulator_seed, "score": points,
            "steps": steps,
        }
        for start, emulator_seed, points, steps in episodes
    ]  # fmt: skip


def row_of(agent: Agent, name: str) -> dict:
    """Return the results row of a shipped agent, one game's part of it, from name and card."""
    made, score = agent.card["made"], agent.score
    config = made["config"]
    return {
        "game": agent.game,
        "network": name if agent.card["size"] in MULTI_SIZES else name.split("/")[1],
        "parameters": parameter_count(agent.network),
        "loss": config.get("loss", "td"),
        "temperature": config.get("temperature", "") if config.get("loss") == "kl" else "",
        "seed": made["seed"],
        "agent_steps": made["agent_steps"],
        "samples": made.get("samples", made["updates"] * config["minibatch"]),
        "protocol": _protocol(score),
        "episodes": score["episodes"],
        "mean": round(score["mean"], 3),
        "low": round(score["low"], 3),
        "high": round(score["high"], 3),
        "mean_steps": round(score["mean_steps"], 1),
        "truncated": score["truncated"],
        "commit": made["commit"],
        "hardware": made["hardware"],
        "precision": made["precision"],
        "hours": round(made["seconds"] / 3600, 2),
    }


def _protocol(score: dict) -> str:
    """Return the protocol of a score; older cards describe the unversioned protocol differently."""
    current = _is_current(score)
    return score["protocol"] if current else protocol_of(score["epsilon"], "no-op starts")


def thinned(metrics: list[dict], period_steps: int = 10_000) -> list[dict]:
    """Return the rows of a learning curve: all evaluations, and one row every `period_steps`."""
    kept, due = [], 0
    for row in metrics:
        steps = int(row["agent_steps"])
        if not math.isnan(float(row["evaluation"])) or steps >= due:
            kept.append({key: row[key] for key in CURVE})
            due = (steps // period_steps + 1) * period_steps
    return kept


def _enter(
    path: Path, rows: list[dict], keys: tuple[str, str], order: Callable[[dict], tuple]
) -> None:
    """Write `rows` to the CSV file in this order; replace those with the same values of `keys`."""
    replaced = {tuple(row[key] for key in keys) for row in rows}
    others = [row for row in read_rows(path) if tuple(row[key] for key in keys) not in replaced]
    write_rows(path, sorted([*others, *rows], key=order))


def main(
    file: Annotated[Path | None, tyro.conf.Positional] = None,
    *,
    commit: str | None = None,
    name: str | None = None,
    rescore: tuple[str, ...] = (),
    episodes: int | None = None,
    seed: int = 1,
    root: Path = Path("."),
) -> None:
    """Ship the agent in a file, or evaluate shipped agents again.

    Args:
        file: the agent to ship
        commit: the commit of the code that trained it
        name: the name to ship it under (default: its game and size)
        rescore: names of shipped agents, or all; those with another protocol are evaluated
        episodes: episodes in each game (default: 120 for a teacher, 60 for other networks)
        seed: the seed of the evaluation; it must not have been used to select the agent
        root: the folder of README.md and docs
    """
    if (file is None) == (not rescore) or (file is None) != (commit is None):
        raise SystemExit("expected a file and --commit, or --rescore")
    if file is not None and commit is not None:
        ship(file, commit, name=name, episodes=episodes, seed=seed, root=root)
    for each in zoo.names() if rescore == ("all",) else rescore:
        score(each, episodes, seed, root)


if __name__ == "__main__":
    tyro.cli(main)
