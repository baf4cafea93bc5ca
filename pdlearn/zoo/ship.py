"""Put a trained agent into the package: rounded to float16, scored as it ships, entered in the CSV.

python -m pdlearn.zoo.ship runs/teach-pong-0/best.safetensors --commit $(git rev-parse --short HEAD)
"""

import csv
from pathlib import Path

import torch
import tyro

from pdlearn import zoo
from pdlearn.checkpoints import Agent, load_agent, save_agent
from pdlearn.evaluation import evaluate
from pdlearn.networks import parameter_count
from pdlearn.presets import EvalConfig

MARK_BEGIN = "<!-- agents: built from docs/results/agents.csv -->"
MARK_END = "<!-- /agents -->"


def ship(
    file: Path,
    commit: str,
    episodes: int = 100,
    seed: int = 1,
    results: Path = Path("docs/results/agents.csv"),
    readme: Path = Path("README.md"),
) -> None:
    """Copy the agent in `file` to the zoo as float16, evaluate that copy, write card and results.

    The games of `seed` must have chosen nothing; evaluations while training take other seeds.
    """
    agent = load_agent(file)
    name = f"{agent.game}/{agent.card['size']}"
    target = zoo.path(name)
    save_agent(target, agent, torch.float16)
    shipped = load_agent(target)
    score = evaluate(shipped, EvalConfig(episodes=episodes), seed).card()
    card = {**shipped.card, "score": score}
    card["made"] = {**card["made"], "commit": commit}
    save_agent(target, Agent(shipped.network, card), torch.float16)
    _enter(results, name, row_of(Agent(shipped.network, card)))
    if readme.exists():
        readme.write_text(with_table(readme.read_text("utf-8"), results), "utf-8")
    print(f"{name}: {score['mean']:.2f} [{score['low']:.2f}, {score['high']:.2f}]")


def row_of(agent: Agent) -> dict:
    """Return the results row of a shipped agent, all of it from its card."""
    made, score = agent.card["made"], agent.card["score"]
    config = made["config"]
    return {
        "game": agent.game,
        "network": agent.card["size"],
        "parameters": parameter_count(agent.network),
        "loss": config.get("loss", "td"),
        "temperature": config.get("temperature", "") if config.get("loss") == "kl" else "",
        "seed": made["seed"],
        "agent_steps": made["agent_steps"],
        "samples": made["updates"] * config["minibatch"],
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


def _enter(path: Path, name: str, row: dict) -> None:
    """Replace the row of this agent in the CSV, or add it."""
    rows = []
    if path.exists():
        with open(path, newline="") as file:
            rows = [r for r in csv.DictReader(file) if f"{r['game']}/{r['network']}" != name]
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, row, lineterminator="\n")
        writer.writeheader()
        writer.writerows(sorted([*rows, row], key=lambda r: (r["game"], -int(r["parameters"]))))


def with_table(text: str, results: Path) -> str:
    """Return a page with the table between its `agents` marks built anew from the CSV."""
    with open(results, newline="") as file:
        rows = list(csv.DictReader(file))
    teachers = {row["game"]: float(row["mean"]) for row in rows if row["network"] == "teacher"}
    lines = [
        "| shipped agent | score, 95 % interval | % of teacher | parameters |",
        "| --- | --- | --- | --- |",
    ]
    for row in rows:
        percent = 100 * float(row["mean"]) / teachers[row["game"]]
        lines.append(
            f"| `{row['game']}/{row['network']}` "
            f"| {float(row['mean']):.1f} [{float(row['low']):.1f}, {float(row['high']):.1f}] "
            f"over {row['episodes']} episodes | {percent:.0f} | {int(row['parameters']):,} |"
        )
    begin, rest = text.split(MARK_BEGIN)
    _, end = rest.split(MARK_END)
    return f"{begin}{MARK_BEGIN}\n" + "\n".join(lines) + f"\n{MARK_END}{end}"


if __name__ == "__main__":
    tyro.cli(ship)
