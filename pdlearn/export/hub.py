"""An agent as a folder in the form of the Hugging Face Hub, and its upload.

The folder contains `model.safetensors` (a file of pdlearn: weights and card), `config.json` (the
card), `README.md` (a model card with the score) and, for Atari games, `replay.gif`. Only
`push_to_hub` uses the network.
"""

import io
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from pdlearn.checkpoints import Agent, save_agent
from pdlearn.envs import STEPS_PER_SECOND, is_atari
from pdlearn.files import write_bytes
from pdlearn.interop.download import WEIGHTS, huggingface_hub
from pdlearn.networks import parameter_count
from pdlearn.web.clips import record_clip

REPLAY = "replay.gif"
REPLAY_STEPS = 300  # 20 seconds


def export_agent(agent: Agent, folder: str | Path, *, replay: bool = True, seed: int = 0) -> Path:
    """Write an agent as a folder in the Hub's form; `load_teacher(folder)` reads it again.

    Args:
        agent: for one game or several
        folder: is made if there is none
        replay: whether an agent for one Atari game plays 20 seconds for a clip
        seed: of the clip

    Returns:
        the folder

    Raises:
        ValueError: as `save_agent` does
    """
    folder = Path(folder)
    save_agent(folder / WEIGHTS, agent)
    config = {"library_name": "pdlearn", **agent.card}
    write_bytes(folder / "config.json", (json.dumps(config, indent=1) + "\n").encode())
    clip = replay and len(agent.games) == 1 and is_atari(agent.game)
    if clip:
        write_replay(agent, folder / REPLAY, seed)
    write_bytes(folder / "README.md", model_card(agent, replay=clip).encode())
    return folder


def model_card(agent: Agent, *, replay: bool) -> str:
    """Return the text of the folder's README: facts for the Hub, then words for a reader."""
    facts: dict[str, Any] = {
        "library_name": "pdlearn",
        "tags": ["reinforcement-learning", "policy-distillation", *agent.games],
    }
    scores = agent.card.get("score", {})
    title = f"pdlearn {agent.card['size']} for {', '.join(agent.games)}"
    if scores:
        results = [_result(game, score) for game, score in scores.items()]
        facts["model-index"] = [{"name": title, "results": results}]
    lines = [
        # JSON is YAML, and the Hub reads YAML.
        "---", *(f"{key}: {json.dumps(value)}" for key, value in facts.items()), "---", "",
        f"# {title}", "",
        f"A network of {parameter_count(agent.network):,} parameters, saved by "
        "pdlearn (policy distillation, Rusu et al. 2015).", "",
    ]  # fmt: skip
    for game, score in scores.items():
        lines += [
            f"- {game}: mean score {score['mean']:.1f}, 95 % interval [{score['low']:.1f}, "
            f"{score['high']:.1f}] over {score['episodes']} episodes ({score['protocol']})",
        ]
    if replay:
        lines += ["", f"![The agent plays]({REPLAY})"]
    return "\n".join([
        *lines, "", "```python", "import pdlearn", "",
        'agent = pdlearn.load_teacher("FOLDER")',
        "print(pdlearn.evaluate(agent).mean)", "```", "",
    ])  # fmt: skip


def _result(game: str, score: dict) -> dict:
    return {
        "task": {"type": "reinforcement-learning", "name": "reinforcement-learning"},
        "dataset": {"type": game, "name": game},
        "metrics": [
            {
                "type": "mean_reward", "name": "mean_reward", "value": round(score["mean"], 2),
                "args": {key: score[key] for key in ("low", "high", "episodes", "protocol")},
                "verified": False,
            }
        ],
    }  # fmt: skip


def write_replay(agent: Agent, path: Path, seed: int) -> None:
    """Write 20 seconds of play as an animated GIF."""
    from PIL import Image

    clip = record_clip(agent.game, agent, seed=seed, agent_steps=REPLAY_STEPS)
    palette = np.zeros((256, 3), np.uint8)
    palette[: len(clip.palette)] = clip.palette
    pictures = []
    for frame in clip.frames:
        picture = Image.fromarray(frame).convert("P")
        picture.putpalette(palette.tobytes())
        pictures.append(picture)
    gif = io.BytesIO()
    pictures[0].save(
        gif, format="GIF", save_all=True, append_images=pictures[1:],
        duration=round(1000 / STEPS_PER_SECOND), loop=0,
    )  # fmt: skip
    write_bytes(path, gif.getvalue())


def push_to_hub(
    agent: Agent, repo: str, folder: str | Path | None = None, *, private: bool = False
) -> str:
    """Export an agent and upload it to the Hub; the token is that of `huggingface-hub`.

    Args:
        agent: for one game or several
        repo: USER/REPOSITORY; it is made if there is none
        folder: keeps what was uploaded; None keeps nothing
        private: whether a new repository is private

    Returns:
        the address of the upload

    Raises:
        ValueError: without the extra `hub`, and as `save_agent` does
    """
    hub = huggingface_hub()
    with tempfile.TemporaryDirectory() as temporary:
        written = export_agent(agent, folder or temporary)
        api = hub.HfApi()
        api.create_repo(repo, exist_ok=True, private=private)
        return str(api.upload_folder(repo_id=repo, folder_path=str(written)))
