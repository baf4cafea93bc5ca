"""Several games, one student: turns, a memory a game, and controllers left alone."""

import math
from collections import Counter
from dataclasses import replace

import pytest
import torch
from fakes import CATCH, MIRRORED, catch_experts, without_clocks

from pdlearn import networks
from pdlearn.checkpoints import read_agent
from pdlearn.distill import Distillation, StudentLearner
from pdlearn.evaluation import evaluate
from pdlearn.networks import MultiGameNetwork
from pdlearn.presets import DISTILL_BUDGETS, DistillConfig, EvalConfig
from pdlearn.replay.collecting import collect
from pdlearn.replay.memory import States
from pdlearn.tensor_files import CheckpointError

TINY = replace(
    DISTILL_BUDGETS["smoke"], size="multi3", hours=2, steps_per_hour=400, updates_per_hour=30,
    minibatch=8,
)  # fmt: skip


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Give multi3 the widths of net3, which is enough for Catch."""
    monkeypatch.setitem(networks.MULTI_SIZES, "multi3", networks.SIZES["net3"])


def distillation(config=TINY, **keywords):
    return Distillation(catch_experts(), config, precision="float32", **keywords)


def states(actions, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return States(
        torch.rand(8, 5, generator=generator), torch.rand(8, actions, generator=generator)
    )


# --- one minibatch ---


@pytest.mark.parametrize("optimizer", ["adam", "rmsprop"])
def test_a_controller_that_is_not_chosen_does_not_move(optimizer):
    # Adam's first moment, left by the update before, would push it on.
    config = DistillConfig(size="multi3", optimizer=optimizer)
    network = MultiGameNetwork({"a": 3, "b": 4}, "multi3", (5,), torch.Generator().manual_seed(0))
    learner = StudentLearner(config, network)
    learner.update(states(4), network.for_game("b"))
    before = {name: weight.clone() for name, weight in network.state_dict().items()}
    for seed in range(3):
        learner.update(states(3, seed), network.for_game("a"))
    after = network.state_dict()
    still = {name for name in before if torch.equal(before[name], after[name])}
    assert still == {n for n in before if n.startswith("controllers.b.")}


def test_the_loss_is_that_of_the_chosen_games_controller():
    network = MultiGameNetwork({"a": 2, "b": 3}, "multi3", (5,))
    with torch.no_grad():
        for game in "ab":
            network.controllers[game].out.weight.zero_()
            network.controllers[game].out.bias.zero_()
    learner = StudentLearner(DistillConfig(size="multi3", loss="nll"), network)
    # All outputs are 0: -log P is the logarithm of the number of the game's actions.
    for game, actions in (("a", 2), ("b", 3)):
        loss = learner.loss(states(actions), network.for_game(game))
        assert loss.item() == pytest.approx(math.log(actions))


# --- a run ---


def test_teachers_take_turns_and_each_round_is_followed_by_its_updates(monkeypatch):
    monkeypatch.setattr("pdlearn.distill.RECORD_ROW_STEPS", 200)
    rows = list(distillation())
    told = [(row["hour"], row["phase"], row["game"], row["agent_steps"]) for row in rows]
    assert told == [
        (0, "record", CATCH, 200), (0, "record", CATCH, 400),
        (0, "record", MIRRORED, 600), (0, "record", MIRRORED, 800), (0, "learn", "", 800),
        (1, "record", CATCH, 1_000), (1, "record", CATCH, 1_200),
        (1, "record", MIRRORED, 1_400), (1, "record", MIRRORED, 1_600), (1, "learn", "", 1_600),
    ]  # fmt: skip
    assert [row["updates"] for row in rows if row["phase"] == "learn"] == [30, 60]


def test_every_minibatch_is_of_one_game_and_games_are_drawn_evenly(monkeypatch):
    drawn = []

    def note(self, batch, student):
        drawn.append((student.game, batch.teacher_q.shape[1]))
        return torch.zeros(())

    monkeypatch.setattr(StudentLearner, "loss", note)
    monkeypatch.setattr(torch.Tensor, "backward", lambda self: None)
    list(distillation(replace(TINY, hours=1, updates_per_hour=400)))
    counts = Counter(drawn)
    assert set(counts) == {(CATCH, 3), (MIRRORED, 4)}
    assert min(counts.values()) > 150  # 200 expected, standard deviation 10
    assert drawn[:200] != sorted(drawn[:200])


def test_a_student_learns_both_games():
    config = replace(
        TINY, hours=1, steps_per_hour=3_000, updates_per_hour=400, minibatch=32,
        learning_rate=2e-3, collection_epsilon=0.5,
    )  # fmt: skip
    run = distillation(config, seed=1)
    *_, row = run
    for game in (CATCH, MIRRORED):
        assert row[f"agreement_{game}"] > 0.9
        score = evaluate(run.agent().for_game(game), EvalConfig(episodes=40, epsilon=0.0)).mean
        assert score > 0.75  # random play scores about -0.5, perfect play 1


def test_agreement_is_told_for_each_game_and_as_their_mean():
    *_, row = distillation()
    shares = [row[f"agreement_{game}"] for game in (CATCH, MIRRORED)]
    assert shares[0] != shares[1]
    assert row["agreement"] == pytest.approx(sum(shares) / 2)


def test_all_rows_have_the_same_columns(monkeypatch):
    monkeypatch.setattr("pdlearn.distill.RECORD_ROW_STEPS", 200)
    rows = list(distillation(replace(TINY, hours=1)))
    assert {row["phase"] for row in rows} == {"record", "learn"}
    assert len({tuple(row) for row in rows}) == 1


def test_the_same_seed_gives_the_same_numbers_and_another_seed_others():
    runs = [without_clocks(distillation(seed=seed)) for seed in (3, 3, 4)]
    assert runs[0] == runs[1] != runs[2]


def test_a_resumed_run_goes_on_with_the_next_hour(tmp_path):
    rows = iter(distillation(folder=tmp_path))
    next(row for row in rows if row["updates"] == 30)
    rows.close()
    rows = list(distillation(folder=tmp_path, resume=True))
    assert {row["hour"] for row in rows} == {1}
    assert rows[-1]["updates"] == 60 and rows[-1]["agent_steps"] == 1_600


def test_a_run_resumes_though_a_controller_was_never_chosen(tmp_path):
    # Its optimiser's moments do not exist yet.
    config = replace(TINY, hours=1, updates_per_hour=1)
    list(distillation(config, folder=tmp_path))
    list(distillation(replace(config, hours=2, updates_per_hour=20), folder=tmp_path, resume=True))
    assert read_agent(tmp_path / "agent.safetensors", CATCH).card["made"]["updates"] == 40


def test_a_file_of_several_games_gives_an_agent_of_each(tmp_path):
    run = distillation(folder=tmp_path)
    list(run)
    observation = torch.randint(256, (2, 4, 84, 84), dtype=torch.uint8)
    for game, actions in ((CATCH, 3), (MIRRORED, 4)):
        loaded = read_agent(tmp_path / "agent.safetensors", game)
        assert len(loaded.actions) == actions
        assert loaded.card["made"]["games"] == [CATCH, MIRRORED]
        assert torch.equal(loaded.network(observation), run.students[game](observation))
    with pytest.raises(CheckpointError, match="none was named"):
        read_agent(tmp_path / "agent.safetensors")


def test_recordings_are_learnt_from_without_new_play():
    memories = [collect(teacher, 400, num_envs=4) for teacher in catch_experts()]
    rows = list(distillation(recording=memories))
    assert {row["phase"] for row in rows} == {"learn"} and rows[-1]["updates"] == 60
    with pytest.raises(ValueError, match="expected a recording of each of .*; got 1"):
        distillation(recording=memories[0])


def test_compressed_memories_teach_the_same(monkeypatch):
    plain = without_clocks(distillation(replace(TINY, hours=1)))
    monkeypatch.setattr("pdlearn.distill.too_large", lambda *_: True)
    assert without_clocks(distillation(replace(TINY, hours=1))) == plain


# --- refusals ---


def test_resuming_with_one_of_the_games_is_refused(tmp_path):
    list(distillation(folder=tmp_path))
    one = Distillation(catch_experts()[0], replace(TINY, size="net3"), folder=tmp_path, resume=True)
    sentence = r"its games is \['pdlearn/Catch-v0', .*; expected \['pdlearn/Catch-v0'\]"
    with pytest.raises(ValueError, match=sentence):
        list(one)


def test_two_teachers_of_one_game_are_refused():
    with pytest.raises(ValueError, match="teachers of different games; got pdlearn/Catch-v0, pd"):
        Distillation(catch_experts()[:1] * 2, TINY)


def test_no_teacher_is_refused():
    with pytest.raises(ValueError, match="teachers of different games; got none"):
        Distillation([], TINY)


def test_teachers_that_see_different_things_are_refused():
    teachers = catch_experts()
    teachers[1].card["preprocessing"] = {"frame_skip": 4}
    sentence = "same preprocessing; got {} for .* and {'frame_skip': 4} for"
    with pytest.raises(ValueError, match=sentence):
        Distillation(teachers, TINY)


def test_a_list_of_one_teacher_is_one_teacher():
    config = replace(TINY, size="net3")
    one, listed = (
        Distillation(teacher, config, precision="float32")
        for teacher in (catch_experts()[0], catch_experts()[:1])
    )
    assert without_clocks(one) == without_clocks(listed)
    assert list(one.identity()) == list(listed.identity()) == ["games", "seed", "teachers"]


def test_a_size_for_one_game_is_refused_for_several():
    with pytest.raises(ValueError, match="size 'net3' is for one game"):
        distillation(replace(TINY, size="net3"))
