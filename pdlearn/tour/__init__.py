"""The guided tour: distil a shipped teacher, evaluate teacher and student, and show both.

It writes to a folder: `report.html` for people, `result.json` for programs,
`student.safetensors`, and the distillation's `metrics.csv`.
"""

import json
import platform
import time
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pdlearn import zoo
from pdlearn.checkpoints import Agent, read_agent, save_agent
from pdlearn.distill import Distillation
from pdlearn.evaluation import Evaluation, evaluate
from pdlearn.files import write_bytes
from pdlearn.games import game_by_name
from pdlearn.hardware import device_name
from pdlearn.networks import parameter_count
from pdlearn.presets import DISTILL_BUDGETS, EvalConfig
from pdlearn.progress import Bar
from pdlearn.rows import GrowingRows
from pdlearn.tour.page import write_tour_page
from pdlearn.web.clips import record_clip

EVALUATIONS = {"smoke": EvalConfig(episodes=2), "fast": EvalConfig(episodes=30)}
CLIP_STEPS = {"smoke": 40, "fast": 900}
LEAST_EPISODES = 10  # of a score with an interval; of fewer, a bootstrap interval is too narrow
GLANCE = EvalConfig(episodes=4, num_envs=4)  # the curve's scores: quick, with wide intervals


def run_tour(folder: Path, game: str, budget: str, seed: int) -> dict:
    """Distil the shipped teacher of `game` into net3, evaluate both, write the page."""
    started = time.monotonic()
    folder.mkdir(parents=True, exist_ok=True)
    config = DISTILL_BUDGETS[budget]
    teacher = zoo.load(f"{game}/teacher")

    curve = _learn(Distillation(teacher, config, seed=seed), folder)
    # Evaluate and show the student as it ships: float16 on disk.
    student_path = folder / "student.safetensors"
    student = read_agent(student_path, game)
    settings = EVALUATIONS[budget]
    scores = {
        "teacher": evaluate(teacher, settings, seed, progress=f"{game}/teacher"),
        "student": evaluate(student, settings, seed, progress=f"{game}/{config.size}"),
    }
    clips = [
        record_clip(name, agent, seed=seed, agent_steps=CLIP_STEPS[budget])
        for name, agent in (("teacher", teacher), (config.size, student))
    ]
    teacher_path = zoo.path(f"{game}/teacher")
    figures = {
        "teacher": _figures("teacher", teacher, teacher_path, scores["teacher"]),
        "student": _figures(config.size, student, student_path, scores["student"]),
    }
    result: dict[str, Any] = {
        "game": game,
        "title": game_by_name(game).title,
        "seconds": time.monotonic() - started,
        **figures,
        "epsilon": settings.epsilon,
        "states": config.hours * config.steps_per_hour,
        "updates": config.hours * config.updates_per_hour,
        "minibatch": config.minibatch,
        "loss": config.loss,
        "temperature": config.temperature,
        "seed": seed,
        "budget": budget,
        "hardware": device_name(torch.device("cpu")),
        "versions": {"python": platform.python_version(), "torch": torch.__version__},
        "teacher_score": scores["teacher"].mean,
        "student_score": scores["student"].mean,
        "student_percent": 100 * scores["student"].mean / scores["teacher"].mean,
        "teacher_parameters": figures["teacher"]["parameters"],
        "student_parameters": figures["student"]["parameters"],
    }
    moment = _largest_gap(clips[0].values)
    with torch.no_grad():
        state = torch.from_numpy(clips[0].observations[moment : moment + 1])
        student_values = student.network(state)[0].numpy()
    write_tour_page(
        folder / "report.html", result, curve, clips, moment=moment, student_values=student_values
    )
    write_bytes(folder / "result.json", (json.dumps(result, indent=1) + "\n").encode())
    return result


def _learn(run: Distillation, folder: Path) -> list[dict]:
    """Run the distillation with a bar per phase; save the student, return the curve's rows."""
    config = run.config
    curve = []
    with GrowingRows(folder / "metrics.csv", keep=lambda row: False) as file:
        for (hour, phase), rows in groupby(run, lambda row: (row["hour"], row["phase"])):
            title = f"round {hour + 1} of {config.hours}: "
            if phase == "record":
                bar = Bar(title + "teacher plays", config.steps_per_hour, "steps")
            else:
                bar = Bar(title + "student learns", config.updates_per_hour, "updates")
            for row in rows:
                file.add(row)
                if phase == "record":
                    bar.update(row["agent_steps"] - hour * config.steps_per_hour)
                    continue
                figures = {key: row[key] for key in ("loss", "agreement")}
                bar.update(row["updates"] - hour * config.updates_per_hour, **figures)
                curve.append({"updates": row["updates"], **figures})
                if row["updates"] % config.updates_per_hour == 0 and hour + 1 < config.hours:
                    glance = evaluate(run.agent(), GLANCE, run.seed + row["updates"])
                    curve[-1]["score"] = glance.mean
            bar.close()
    save_agent(folder / "student.safetensors", run.agent(), torch.float16)
    return curve


def _figures(name: str, agent: Agent, path: Path, score: Evaluation) -> dict:
    low, high = score.interval if score.episodes >= LEAST_EPISODES else (None, None)
    return {
        "name": name,
        "mean": score.mean,
        "low": low,
        "high": high,
        "episodes": score.episodes,
        "parameters": parameter_count(agent.network),
        "kilobytes": path.stat().st_size / 1e3,
        "milliseconds": _decision_milliseconds(agent),
    }


@torch.inference_mode()
def _decision_milliseconds(agent: Agent, repeats: int = 200) -> float:
    """Return the median time of one decision from one observation."""
    observation = torch.zeros(1, *agent.card["observation_shape"], dtype=torch.uint8)
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        agent.network(observation).argmax(1)
        seconds.append(time.perf_counter() - start)
    return 1e3 * float(np.median(seconds))


def _largest_gap(values: np.ndarray) -> int:
    """Return the frame with the largest gap between the best and the second-best value."""
    ranked = np.sort(values, axis=1)
    return int(np.argmax(ranked[:, -1] - ranked[:, -2]))
