"""Put a trained agent into the package: rounded to float16, scored as it ships, its results kept.

python -m pdlearn.publish.ship runs/train-pong-0/best.safetensors --commit HASH
python -m pdlearn.publish.ship --rescore all

The second scores again every shipped agent that was scored by another protocol. It can be stopped
and started again.
"""

from pathlib import Path
from typing import Annotated

import torch
import tyro

from pdlearn import zoo
from pdlearn.checkpoints import Agent, load_whole, read_file, save_agent, write_file
from pdlearn.evaluation import PROTOCOL, Evaluation, evaluate
from pdlearn.networks import MULTI_SIZES, parameter_count
from pdlearn.presets import EvalConfig
from pdlearn.publish import agents
from pdlearn.rows import read_rows, write_rows

CURVE = ("agent_steps", "updates", "score", "evaluation", "seconds")

# Of a teacher, and of other networks: every start four times, or twice.
TEACHER_EPISODES, OTHER_EPISODES = 120, 60


def ship(
    file: Path, commit: str, *, episodes: int | None = None, seed: int = 1, root: Path = Path(".")
) -> None:
    """Copy the agent in `file` to the zoo as float16, evaluate that copy, write card and results.

    A network for several games is evaluated on each. The `metrics.csv` beside a teacher's file
    becomes its learning curve. The games of `seed` must have chosen nothing; evaluations while
    training take other seeds.
    """
    agent = load_whole(file)
    name = zoo.name_of(agent)
    card = {key: value for key, value in agent.card.items() if key != "score"}
    card["made"] = {**card["made"], "commit": commit}
    save_agent(zoo.path(name), Agent(agent.network, card), torch.float16)
    metrics = read_rows(file.with_name("metrics.csv"))
    if card["size"] == "teacher" and metrics:
        curves = root / "docs" / "results" / "curves"
        write_rows(curves / f"{agent.game}.csv", thinned(metrics))
    score(name, episodes, seed, root)


def score(name: str, episodes: int | None = None, seed: int = 1, root: Path = Path(".")) -> None:
    """Evaluate a shipped agent in each game without a score by `PROTOCOL`; write card and results.

    Of the agent's file nothing but the card's score changes. It is written last, so that a game
    whose score is on the card is done.
    """
    agent = load_whole(zoo.path(name))
    teaches = agent.card["size"] == "teacher"
    config = EvalConfig(episodes=episodes or (TEACHER_EPISODES if teaches else OTHER_EPISODES))
    results = root / "docs" / "results"
    for game in unscored(agent):
        result = evaluate(agent.for_game(game), config, seed)
        scores = result.card()
        if "games" in agent.card:
            scores = {**agent.card.get("score", {}), game: scores}
        agent = Agent(agent.network, {**agent.card, "score": scores})
        row = row_of(agent.for_game(game))
        _enter(results / ("teachers.csv" if teaches else "students.csv"), row)
        _enter_episodes(results / "episodes.csv", episode_rows(name, result))
        agents.build(root)
        tensors, card = read_file(zoo.path(name))
        write_file(zoo.path(name), tensors, {**card, "score": scores})
        low, high = result.interval
        print(f"{name}, {game}: {result.mean:.2f} [{low:.2f}, {high:.2f}]", flush=True)


def unscored(agent: Agent) -> list[str]:
    """Return the games in which the agent's card has no score by `PROTOCOL`."""
    scores = agent.card.get("score", {})
    each = scores if "games" in agent.card else {agent.game: scores}
    return [
        game
        for game in agent.games
        if not each.get(game, {}).get("protocol", "").startswith(PROTOCOL)
    ]


def episode_rows(name: str, result: Evaluation) -> list[dict]:
    """Return a row an episode of a shipped agent's evaluation."""
    episodes = zip(result.starts, result.emulator_seeds, result.scores, result.lengths, strict=True)
    return [
        {
            "agent": name, "game": result.game, "protocol": PROTOCOL, "epsilon": result.epsilon,
            "seed": result.seed, "start": start, "emulator_seed": emulator_seed, "score": points,
            "steps": steps,
        }
        for start, emulator_seed, points, steps in episodes
    ]  # fmt: skip


def row_of(agent: Agent) -> dict:
    """Return the results row of a shipped agent of one game, all of it from its card."""
    size = agent.card["size"]
    made, score = agent.card["made"], agent.card["score"]
    config = made["config"]
    return {
        "game": agent.game,
        "network": zoo.name_of(agent) if size in MULTI_SIZES else size,
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
    """Return the protocol of a score; cards from before it had a version name it otherwise."""
    if score["protocol"].startswith(PROTOCOL):
        return score["protocol"]
    return f"no-op starts, epsilon {score['epsilon']}, 108000-frame cap, raw score"


def thinned(metrics: list[dict], period_steps: int = 10_000) -> list[dict]:
    """Return a learning curve: every evaluation, and a row every `period_steps`."""
    kept, due = [], 0
    for row in metrics:
        steps = int(row["agent_steps"])
        if row["evaluation"] != "nan" or steps >= due:
            kept.append({key: row[key] for key in CURVE})
            due = (steps // period_steps + 1) * period_steps
    return kept


def _enter(path: Path, row: dict) -> None:
    """Replace the row of this game and network in the CSV, or add it."""
    others = [
        r for r in read_rows(path) if (r["game"], r["network"]) != (row["game"], row["network"])
    ]
    write_rows(path, sorted([*others, row], key=lambda r: (r["game"], -int(r["parameters"]))))


def _enter_episodes(path: Path, rows: list[dict]) -> None:
    """Replace the rows of this agent and game in the CSV, or add them."""
    mine = (rows[0]["agent"], rows[0]["game"])
    others = [row for row in read_rows(path) if (row["agent"], row["game"]) != mine]
    write_rows(path, sorted([*others, *rows], key=lambda row: (row["game"], row["agent"])))


def main(
    file: Annotated[Path | None, tyro.conf.Positional] = None,
    *,
    commit: str | None = None,
    rescore: tuple[str, ...] = (),
    episodes: int | None = None,
    seed: int = 1,
    root: Path = Path("."),
) -> None:
    """Ship the agent in a file, or score shipped agents again.

    Args:
        file: the agent to ship
        commit: of the code that trained it
        rescore: names of shipped agents, or all: score those whose card has another protocol
        episodes: in each game (default: 120 of a teacher, 60 of other networks)
        seed: of the evaluation; it must have chosen nothing
        root: the folder of README.md and docs
    """
    if (file is None) == (not rescore) or (file is None) != (commit is None):
        raise SystemExit("expected a file and --commit, or --rescore")
    if file is not None:
        ship(file, commit, episodes=episodes, seed=seed, root=root)
    for name in zoo.names() if rescore == ("all",) else rescore:
        score(name, episodes, seed, root)


if __name__ == "__main__":
    tyro.cli(main)
