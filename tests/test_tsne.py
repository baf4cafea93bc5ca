"""Figure D2: states of each game, their activations, and a figure with all games."""

import numpy as np
import pytest
import torch
from fakes import CATCH, MIRRORED

from pdlearn import cli, networks, zoo
from pdlearn.checkpoints import Agent, save_agent
from pdlearn.experiments import tsne
from pdlearn.networks import MultiGameNetwork
from pdlearn.rows import read_rows
from pdlearn.tensor_files import CheckpointError

PADDLE_ROW = {CATCH: 77, MIRRORED: 0}  # the paddle's first row of pixels
GAMES = {CATCH: ["0", "1", "2"], MIRRORED: ["0", "1", "2", "3"]}


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setitem(networks.MULTI_SIZES, "multi3", networks.SIZES["net3"])


def fresh() -> Agent:
    counts = {game: len(actions) for game, actions in GAMES.items()}
    network = MultiGameNetwork(counts, "multi3", generator=torch.Generator().manual_seed(0))
    card = {"games": GAMES, "size": "multi3", "observation_shape": [4, 84, 84],
            "preprocessing": {}, "made": {"by": "distill"}}  # fmt: skip
    return Agent(network.requires_grad_(False), card)


def paddle_row(observations) -> torch.Tensor:
    """Return the first row of pixels `[N]` that shows the paddle in the newest frames."""
    return (observations[:, -1] == 150).any(2).int().argmax(1)


def point(game, layer, x, y, nearest="pong"):
    return {"layer": layer, "game": game, "x": str(x), "y": str(y), "nearest": nearest}


POINTS = [
    point("pong", "first", 0, 0), point("pong", "first", 1, 0),
    point("qbert", "first", 2, 0, "qbert"), point("pong", "shared", 0, 0),
    point("qbert", "shared", 9, 0), point("qbert", "shared", 10, 0, "qbert"),
]  # fmt: skip


def test_neighbours_of_the_same_game_are_counted_per_layer_and_not_in_the_picture():
    assert tsne.same_game_percent(POINTS, "first") == 100
    # In the picture 9 and 10 are neighbours; among the activations 9 is nearest to a state of Pong.
    assert tsne.same_game_percent(POINTS, "shared") == pytest.approx(200 / 3)


def test_the_nearest_neighbour_is_another_point_in_all_dimensions():
    points = torch.zeros(70, 3)
    points[:, 0] = torch.arange(70) * 1.0
    points[::2, 2] = 100.0  # every second point is far away from its neighbours on the line
    assert tsne.nearest(points)[:3].tolist() == [2, 3, 0]
    assert tsne.nearest(points)[69] == 67  # of the second part


def test_states_have_the_given_number_and_are_of_the_agents_game():
    for game in GAMES:
        observations = tsne.states(fresh().for_game(game), 30, seed=0)
        assert observations.shape == (30, 4, 84, 84) and observations.dtype == torch.uint8
        assert (paddle_row(observations) == PADDLE_ROW[game]).all()


def test_activations_are_those_of_the_first_layer_and_of_the_shared_one():
    agent = fresh()
    observations = torch.randint(0, 256, (70, 4, 84, 84), dtype=torch.uint8)
    found = tsne.activations(agent, observations)
    assert torch.allclose(found["shared"], agent.network.features(observations), atol=1e-4)
    scaled = observations.float() / 255
    first = torch.relu(agent.network.conv1(scaled))
    assert torch.allclose(found["first"].view(first.shape), first, atol=1e-4)


def test_two_distant_clusters_remain_separate():
    rng = np.random.default_rng(0)
    clouds = np.concatenate([rng.normal(0, 1, (40, 60)), rng.normal(30, 1, (40, 60))])
    embedded = tsne.embed(clouds, seed=0)
    apart = torch.cdist(torch.from_numpy(embedded), torch.from_numpy(embedded))
    assert apart[:40, :40].max() < apart[:40, 40:].min()


def test_without_scikit_learn_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "sklearn.manifold", None)
    with pytest.raises(ValueError, match=r'pip install "pdlearn\[tsne\]"'):
        tsne.embed(np.zeros((9, 2)), 0)


def test_a_network_of_one_game_or_none_is_refused(tmp_path, monkeypatch):
    with pytest.raises(CheckpointError, match="plays one game; expected a network for several"):
        tsne.load_several(zoo.path("pong/net3"))
    monkeypatch.setattr(zoo, "FOLDER", tmp_path)
    with pytest.raises(CheckpointError, match="name its file with --agent"):
        tsne.shipped_network()


def test_the_command_writes_points_of_every_game_and_the_picture(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save_agent("several.safetensors", fresh())
    seen, activations = [], tsne.activations
    monkeypatch.setattr(
        tsne, "activations", lambda *given: seen.append(given) or activations(*given)
    )
    arguments = ["reproduce", "tsne", "--agent", "several.safetensors", "--results", "r"]
    arguments += ["--budget", "smoke"]
    assert cli.main(arguments) == 0
    rows = read_rows(tmp_path / "r" / "tsne.csv")
    shown = [PADDLE_ROW[row["game"]] for row in rows[:48]]
    assert paddle_row(seen[0][1]).tolist() == shown and len(set(shown)) == 2
    counted = {(row["layer"], row["game"]) for row in rows}
    assert len(rows) == 2 * 2 * 24 and len(counted) == 4
    assert {row["nearest"] for row in rows} <= set(GAMES)
    assert len({(row["x"], row["y"]) for row in rows}) > 40
    assert (tmp_path / "r" / "tsne.png").stat().st_size > 5_000


def test_the_picture_names_every_game_in_every_panel():
    figure = tsne.picture(POINTS)
    for axes in figure.axes:
        assert [text.get_text() for text in axes.texts] == ["Pong", "Q*bert"]


def test_a_games_label_is_in_the_densest_quarter_of_its_points():
    sparse = [point("pong", "first", 0, y) for y in range(40, 80, 10)]
    dense = [point("pong", "first", 50, y) for y in (0, 1, 2)]
    other = [point("pong", "shared", 0, 0)]
    axes = tsne.picture([*sparse, *dense, *other]).axes[0]

    [name] = axes.texts
    assert name.get_text() == "Pong" and name.get_position() == (50, 1)
