"""One network taught several games at once (Multi-DQN): turns, controllers, scores, and files."""

import json
import math
from dataclasses import replace

import pytest
import torch
from fakes import CATCH, MIRRORED, without_clocks
from fakes import TINY as TINY_TEACHER

from pdlearn import cli, networks
from pdlearn.actor import ReplayActor
from pdlearn.checkpoints import load_whole, read_agent
from pdlearn.dqn import DQN, DQNLearner
from pdlearn.envs.catch import CELL
from pdlearn.evaluation import evaluate
from pdlearn.games import joint_score
from pdlearn.networks import MultiGameNetwork, parameter_count, part_for
from pdlearn.presets import EvalConfig
from pdlearn.replay.memory import Transitions
from pdlearn.tensor_files import CheckpointError

GAMES = [CATCH, MIRRORED]
TINY = replace(TINY_TEACHER, size="multi3", agent_steps=1_200)


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Give multi3 the widths of net3, which is enough for Catch."""
    monkeypatch.setitem(networks.MULTI_SIZES, "multi3", networks.SIZES["net3"])


def train(config=TINY, **keywords):
    return DQN(GAMES, config, precision="float32", **keywords)


# --- one minibatch ---


def constant_learner(double=False) -> DQNLearner:
    """Return a learner whose values are 1, 2 in game a and 5, 7 in game b, whatever it sees.

    Its target network says 3, 4 in game a and 9, 6 in game b.
    """
    learner = DQNLearner(
        replace(TINY, double=double), MultiGameNetwork({"a": 2, "b": 2}, "multi3", (5,))
    )
    values = {"a": ([1.0, 2.0], [3.0, 4.0]), "b": ([5.0, 7.0], [9.0, 6.0])}
    for game, both in values.items():
        for network, biases in zip((learner.network, learner.target), both, strict=True):
            out = network.controllers[game].out
            out.weight.data.zero_()
            out.bias.data = torch.tensor(biases)
    return learner


@pytest.mark.parametrize(
    ("game", "double", "goal"),
    [
        ("a", False, 1 + 0.5 * 4),  # the target network's largest value
        ("b", False, 1 + 0.5 * 9),
        ("b", True, 1 + 0.5 * 6),  # its value of the action that the network likes best
    ],
)
def test_the_loss_is_that_of_the_chosen_games_controllers(game, double, goal):
    learner = constant_learner(double)
    batch = Transitions(
        torch.randn(4, 5), torch.zeros(4, dtype=torch.int64), torch.ones(4), torch.full((4,), 0.5),
        torch.randn(4, 5),
    )  # fmt: skip
    error = abs(goal - {"a": 1.0, "b": 5.0}[game])  # action 0 was taken
    huber = error**2 / 2 if error <= 1 else error - 0.5
    assert learner.loss(batch, part_for(learner.network, game)).item() == pytest.approx(huber)


def test_one_number_for_several_games_is_their_human_normalised_mean():
    # Pong: -20.7 at random, 9.3 by a human. Freeway: 0 at random, 29.6 by a human.
    assert joint_score({"pong": 9.3, "freeway": 14.8}) == pytest.approx(75.0)
    assert joint_score({"pong": -20.7, "freeway": 0.0}) == pytest.approx(0.0)
    assert joint_score({"pong": 12.5}) == 12.5
    assert joint_score({CATCH: 0.5, MIRRORED: -0.1}) == pytest.approx(0.2)


# --- a run ---


def test_games_advance_in_turn_and_every_minibatch_is_of_the_next_game(monkeypatch):
    played, learnt = [], []
    advance = ReplayActor.advance

    def note_step(self, epsilon):
        played.append(self)
        return advance(self, epsilon)

    def note_batch(self, batch, network):
        # In Catch the paddle is in the bottom row of cells, in its mirror in the top one.
        newest = batch.observation_t[:, -1]
        bottom, top = newest[:, -CELL:].sum((1, 2)), newest[:, :CELL].sum((1, 2))
        learnt.append((network.game, bool((top > bottom).float().mean() > 0.5)))
        return torch.zeros((), requires_grad=True)

    monkeypatch.setattr(ReplayActor, "advance", note_step)
    monkeypatch.setattr(DQNLearner, "loss", note_batch)
    *_, row = train(replace(TINY, priority_exponent=0.0))
    assert row["agent_steps"] == 1_200 == len(played) * TINY.num_envs
    assert len(set(played)) == 2 and played[0::2] == [played[0]] * 150
    assert len(learnt) == row["updates"] > 50
    assert learnt[0::2] == [(CATCH, False)] * len(learnt[0::2])
    assert learnt[1::2] == [(MIRRORED, True)] * len(learnt[1::2])


def test_it_learns_both_games():
    config = replace(
        TINY, num_envs=8, agent_steps=12_000, memory_steps=12_000, minibatch=32,
        samples_per_step=4.0, learning_rate=1e-3, target_period_updates=100,
        epsilon_decay_steps=6_000, learn_start_steps=500,
    )  # fmt: skip
    run = train(config, seed=1)
    list(run)
    for game in GAMES:
        score = evaluate(run.agent().for_game(game), EvalConfig(episodes=60, epsilon=0.0)).mean
        assert score > 0.7, game  # random play scores about -0.5, perfect play 1


def test_the_same_seed_gives_the_same_numbers_and_another_seed_others():
    runs = [without_clocks(train(seed=seed)) for seed in (3, 3, 4)]
    assert runs[0] == runs[1] != runs[2]


def test_rows_tell_of_each_game_and_the_best_agent_is_kept(tmp_path):
    config = replace(TINY, agent_steps=2_000, evaluation_period_steps=1_000, evaluation_episodes=3)
    run = train(config, folder=tmp_path)
    run.row_steps = 500
    rows = list(run)
    assert len({tuple(row) for row in rows}) == 1
    of_games = [f"{kind}_{game}" for kind in ("score", "evaluation") for game in GAMES]
    assert list(rows[0])[-4:] == of_games
    evaluated = [row for row in rows if not math.isnan(row["evaluation"])]
    assert [row["agent_steps"] for row in evaluated] == [1_000, 2_000]
    for row in evaluated:
        shares = [row[f"evaluation_{game}"] for game in GAMES]
        assert row["evaluation"] == pytest.approx(sum(shares) / 2)
    best = max(evaluated[::-1], key=lambda row: row["evaluation"])  # of equals, the last
    assert rows[-1]["best_evaluation"] == best["evaluation"]
    for game in GAMES:
        card = read_agent(tmp_path / "best.safetensors", game).card
        assert card["chosen_by"][game]["mean"] == best[f"evaluation_{game}"]


def test_a_resumed_run_carries_on_and_a_finished_one_stands_still(tmp_path):
    *_, first = train(seed=5, folder=tmp_path)
    longer = replace(TINY, agent_steps=2_400)
    rows = list(train(longer, seed=5, folder=tmp_path, resume=True))
    assert rows[-1]["agent_steps"] == 2_400 and rows[-1]["updates"] > first["updates"] > 0
    assert list(train(longer, seed=5, folder=tmp_path, resume=True)) == []
    card = load_whole(tmp_path / "agent.safetensors").card
    assert card["made"]["agent_steps"] == 2_400 and card["made"]["games"] == GAMES


def test_resuming_with_other_games_is_refused(tmp_path):
    list(train(folder=tmp_path))
    other = DQN(GAMES[::-1], TINY, folder=tmp_path, resume=True)
    with pytest.raises(ValueError, match=r"its games is \['pdlearn/Catch-v0', 'pdlearn/Mirrored"):
        list(other)


@pytest.mark.parametrize(
    ("games", "sentence"),
    [
        ([], "expected different games; got none"),
        ([CATCH, CATCH], "expected different games; got pdlearn/Catch-v0, pdlearn/Catch-v0"),
        (
            [CATCH, "CartPole-v1"],
            r"observations are \(4,\) in 'CartPole-v1' and \(4, 84, 84\) in 'pdlearn/Catch-v0'",
        ),
    ],
)
def test_games_that_no_network_can_play_together_are_refused(games, sentence):
    with pytest.raises(ValueError, match=sentence):
        DQN(games, TINY)


def test_a_size_for_one_game_is_refused():
    with pytest.raises(ValueError, match="size 'net3' is for one game"):
        train(replace(TINY, size="net3"))


def test_a_list_of_one_game_is_one_game():
    config = replace(TINY, size="net3")
    one, listed = (DQN(game, config, precision="float32") for game in (CATCH, [CATCH]))
    assert without_clocks(one) == without_clocks(listed)
    assert list(one.identity()) == list(listed.identity()) == ["games", "seed"]


# --- the command ---

SHORT = "--budget smoke --device cpu --set evaluation_period_steps=1000 evaluation_episodes=2"


def test_train_jointly_leaves_a_run_that_goes_on_and_is_evaluated_on_each_game(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PDLEARN_QUIET", "1")
    assert cli.main(["train", *GAMES, "--joint", *SHORT.split()]) == 0
    folder = tmp_path / "runs" / "train-pdlearn-Catch-v0-pdlearn-MirroredCatch-v0-0"
    names = {path.name for path in folder.iterdir()} - {".lock"}
    kept = {"config.json", "metrics.csv", "state.safetensors", "agent.safetensors"}
    assert names == kept | {"best.safetensors"}
    assert json.loads((folder / "config.json").read_text())["games"] == GAMES
    again = ["train", *GAMES, "--joint", "--resume", str(folder), "--agent-steps", "4000"]
    assert cli.main(again) == 0
    lines = (folder / "metrics.csv").read_text().splitlines()
    assert lines[0].endswith(f",evaluation_{CATCH},evaluation_{MIRRORED}")
    assert lines[-1].startswith("4000,")
    assert f"pdlearn evaluate {folder / 'best.safetensors'} --game" in capsys.readouterr().out
    agent = load_whole(folder / "agent.safetensors")
    assert agent.games == tuple(GAMES) and agent.card["size"] == "multi3"
    assert parameter_count(agent.for_game(CATCH).network) == parameter_count(agent.network)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["pong", "--joint"], "expected several games with --joint; got pong"),
        (["pong", "qbert", "--joint", "--set", "size=net1"], "size 'net1' is for one game"),
        (["pong", "--all"], "expected --all, or games by name; got both"),
        (["pong", "qbert", "--resume", "r"], "r: no run to resume here"),
    ],
)
def test_a_bad_input_gets_one_sentence(arguments, sentence, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["train", *arguments, "--device", "cpu"]) == 2
    assert sentence in capsys.readouterr().err


# --- files of several games ---


def test_a_whole_network_and_each_of_its_games_come_from_one_file(tmp_path):
    run = train(folder=tmp_path)
    list(run)
    file = tmp_path / "agent.safetensors"
    whole = load_whole(file)
    assert whole.games == tuple(GAMES)
    weights = run.learner.network.state_dict()
    assert all(torch.equal(weights[k], v) for k, v in whole.network.state_dict().items())
    assert read_agent(file, MIRRORED).actions == ["0", "1", "2", "3"]
    with pytest.raises(CheckpointError, match="none was named"):
        read_agent(file)
