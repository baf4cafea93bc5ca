"""Figure D2 of the paper: t-SNE of the representations of a network for several games.

The network plays each game, and states are taken at regular intervals. Their activations in the
first layer and in the shared hidden layer are reduced to 50 principal components and embedded in
the plane (van der Maaten and Hinton 2008). A state's nearest neighbour is counted among the
activations, because a plane does not keep all neighbours. The paper gives no sample size, no
perplexity and no hidden layer. We use the last shared layer, because the paper speaks of "shared
representations".
"""

from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import seaborn
import torch
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from torch import Tensor

from pdlearn import envs, zoo
from pdlearn.checkpoints import Agent, load_whole
from pdlearn.networks import fingerprint
from pdlearn.plots import title_of, write_picture
from pdlearn.presets import EvalConfig
from pdlearn.rollout import EpsilonGreedy, steps
from pdlearn.rows import write_rows
from pdlearn.tensor_files import CheckpointError
from pdlearn.torso import Torso

LAYERS = {"first": "first layer", "shared": "shared hidden layer"}
STATES_PER_GAME = {"smoke": 24, "fast": 200, "full": 200}
EVERY_STEPS = 20  # a state of each copy is taken every so many steps
NUM_ENVS = 4
COMPONENTS = 50
PERPLEXITY = 30
MARKERS = "osD^vP"


def reproduce_tsne(file: Path | None, seed: int, results: Path, states_per_game: int) -> list[dict]:
    """Write tsne.csv and tsne.png to `results` from the network in `file`; return the rows.

    `file` None selects the shipped network that plays the most games. Raises CheckpointError if
    none is shipped or the network plays one game only, and ValueError without scikit-learn.
    """
    agent = load_several(file or shipped_network())
    kept = {
        game: states(agent.for_game(game), states_per_game, seed) for game in agent.games
    }  # [N, 4, 84, 84] each
    played = [game for game, observations in kept.items() for _ in observations]
    source = {"network": agent.card["size"], "mark": fingerprint(agent.network), "seed": seed}
    rows = []
    for layer, points in activations(agent, torch.cat(list(kept.values()))).items():
        places = embed(points.numpy(), seed)
        for game, near, (x, y) in zip(played, nearest(points).tolist(), places, strict=True):
            place = {"x": round(float(x), 2), "y": round(float(y), 2), "nearest": played[near]}
            rows.append({"layer": layer, "game": game, **place, **source})
    write_rows(results / "tsne.csv", rows)
    write_picture(results / "tsne.png", picture(rows))
    return rows


def shipped_network() -> Path:
    """Return the file of the shipped network that plays the most games, at least two.

    Raises CheckpointError if there is none.
    """
    counts = {zoo.path(name): len(zoo.load_all_games(name).games) for name in zoo.names()}
    largest = max(counts, key=counts.__getitem__, default=None)
    if largest is None or counts[largest] < 2:
        raise CheckpointError(
            "no network for several games is shipped; distil one with `pdlearn distill GAME GAME "
            "--size multi3` and name its file with --agent"
        )
    return largest


def load_several(path: Path) -> Agent:
    """Return the agent in `path` with all its games; raise CheckpointError if it has only one."""
    agent = load_whole(path)
    if len(agent.games) == 1:
        raise CheckpointError(f"{path}: plays one game; expected a network for several")
    return agent


def states(agent: Agent, count: int, seed: int) -> Tensor:
    """Return `count` observations `[N, ...]` at regular intervals of an agent's play."""
    generator = torch.Generator().manual_seed(seed)
    policy = EpsilonGreedy(agent.network, EvalConfig.epsilon, generator)
    play = steps(envs.make(agent.game, NUM_ENVS), policy, seed, "show")
    taken = []
    for time, step in enumerate(play):
        if time % EVERY_STEPS == EVERY_STEPS - 1:
            taken.append(step.observation)
        if len(taken) * NUM_ENVS >= count:
            break
    play.close()
    return torch.cat(taken)[:count]


@torch.no_grad()
def activations(agent: Agent, observations: Tensor) -> dict[str, Tensor]:
    """Return by layer the activations `[N, D]` for observations `[N, ...]`."""
    assert isinstance(agent.network, Torso)  # a whole network, as `load_whole` returns it
    found: dict[str, list[Tensor]] = {layer: [] for layer in LAYERS}
    for part in observations.split(64):
        found["first"].append(agent.network.first_features(part).flatten(1))
        found["shared"].append(agent.network.features(part))
    return {layer: torch.cat(parts) for layer, parts in found.items()}


def nearest(points: Tensor) -> Tensor:
    """Return the index `[N]` of each point's nearest neighbour among points `[N, D]`."""
    found = []
    for start, part in zip(range(0, len(points), 64), points.split(64), strict=True):
        apart = torch.cdist(part, points)
        apart[torch.arange(len(part)), torch.arange(start, start + len(part))] = torch.inf
        found.append(apart.argmin(1))
    return torch.cat(found)


def embed(points: np.ndarray, seed: int) -> np.ndarray:
    """Return the embedding `[N, 2]` of points `[N, D]`; raise ValueError without scikit-learn."""
    try:
        from sklearn.decomposition import PCA
        from sklearn.manifold import TSNE
    except ImportError as error:
        raise ValueError(
            'this needs scikit-learn; install it with pip install "pdlearn[tsne]"'
        ) from error

    reduced = PCA(min(COMPONENTS, *points.shape), random_state=seed).fit_transform(points)
    perplexity = min(PERPLEXITY, (len(points) - 1) / 3)
    return TSNE(perplexity=perplexity, init="pca", random_state=seed).fit_transform(reduced)


def same_game_percent(rows: Sequence[dict], layer: str) -> float:
    """Return the percentage of a layer's states whose nearest neighbour is from the same game.

    The neighbours are those among the activations, not those in the picture.
    """
    same = [row["game"] == row["nearest"] for row in rows if row["layer"] == layer]
    return 100 * sum(same) / len(same)


def measured(rows: Sequence[dict]) -> str:
    """Return how often the nearest neighbour is from the same game, for each layer."""
    told = ", ".join(
        f"{same_game_percent(rows, layer):.1f} % in the {title}" for layer, title in LAYERS.items()
    )
    return f"The nearest neighbour among the activations is from the same game: {told}."


def picture(rows: Sequence[dict]) -> Figure:
    """Draw a panel per layer, with a colour, a marker and a label for each game."""
    games = list(dict.fromkeys(row["game"] for row in rows))
    colours = seaborn.color_palette("colorblind", len(games))
    figure, panels = plt.subplots(1, len(LAYERS), figsize=(12, 6), layout="constrained")
    for axes, (layer, title) in zip(panels, LAYERS.items(), strict=True):
        labels = []
        for index, game in enumerate(games):
            points = np.array(
                [
                    [float(row["x"]), float(row["y"])]
                    for row in rows
                    if (row["layer"], row["game"]) == (layer, game)
                ]
            )
            axes.scatter(
                *points.T, s=14, color=colours[index], marker=MARKERS[index % len(MARKERS)],
                alpha=0.7, linewidths=0,
            )  # fmt: skip
            labels.append((_densest(points), title_of(game)))
        for middle, name in labels:
            axes.annotate(
                name, middle, ha="center", va="center", fontsize=9, weight="bold",
                path_effects=[withStroke(linewidth=2, foreground="white")],
            )  # fmt: skip
        axes.set(title=title, xticks=[], yticks=[])
    return figure


def _densest(points: np.ndarray) -> tuple[float, float]:
    """Return the middle of the densest quarter of a game's points, for its label."""
    apart = np.linalg.norm(points[:, None] - points[None], axis=2)
    radii = np.quantile(apart, 1 / 4, axis=1)
    middle = radii.argmin()
    return tuple(np.median(points[apart[middle] <= radii[middle]], axis=0))
