"""Put a trained agent into the package: rounded to float16, scored as it ships, entered in the CSV.

python -m pdlearn.publish.ship runs/train-pong-0/best.safetensors --commit HASH
"""

from pathlib import Path

import torch
import tyro

from pdlearn import zoo
from pdlearn.checkpoints import Agent, load_whole, save_agent
from pdlearn.evaluation import evaluate
from pdlearn.networks import MULTI_SIZES, parameter_count
from pdlearn.presets import EvalConfig
from pdlearn.publish import agents as tables
from pdlearn.rows import read_rows, write_rows

CURVE = ("agent_steps", "updates", "score", "evaluation", "seconds")


def ship(
    file: Path,
    commit: str,
    episodes: int = 100,
    seed: int = 1,
    root: Path = Path("."),
) -> None:
    """Copy the agent in `file` to the zoo as float16, evaluate that copy, write card and results.

    A network for several games is evaluated on each. The `metrics.csv` beside a teacher's file
    becomes its learning curve. The games of `seed` must have chosen nothing; evaluations while
    training take other seeds.
    """
    agent = load_whole(file)
    name = zoo.name_of(agent)
    target = zoo.path(name)
    save_agent(target, agent, torch.float16)
    shipped = load_whole(target)
    config = EvalConfig(episodes=episodes)
    scores = {game: evaluate(shipped.for_game(game), config, seed).card() for game in shipped.games}
    card = {**shipped.card, "score": scores if "games" in shipped.card else scores[shipped.game]}
    card["made"] = {**card["made"], "commit": commit}
    shipped = Agent(shipped.network, card)
    save_agent(target, shipped, torch.float16)
    teaches = shipped.card["size"] == "teacher"
    results = root / "docs" / "results"
    for game in shipped.games:
        row = row_of(shipped.for_game(game))
        _enter(results / ("teachers.csv" if teaches else "students.csv"), row)
    metrics = read_rows(file.with_name("metrics.csv"))
    if teaches and metrics:
        write_rows(results / "curves" / f"{shipped.game}.csv", thinned(metrics))
    tables.build(root)
    for game, score in scores.items():
        print(f"{name}, {game}: {score['mean']:.2f} [{score['low']:.2f}, {score['high']:.2f}]")


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
        "protocol": f"no-op starts, epsilon {score['epsilon']}, 108000-frame cap, raw score",
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


if __name__ == "__main__":
    tyro.cli(ship)
