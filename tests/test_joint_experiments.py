"""One network for several games: its experiments, and its file in the zoo."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from fakes import make_agent

from pdlearn import cli, networks, zoo
from pdlearn.checkpoints import Agent, load_whole, save_agent
from pdlearn.envs import PREPROCESSING
from pdlearn.evaluation import PROTOCOL, Evaluation
from pdlearn.experiments import driver
from pdlearn.experiments.cells import cells, tasks
from pdlearn.experiments.comparable import comparable
from pdlearn.experiments.definitions import EXPERIMENTS, Student
from pdlearn.experiments.tables import table
from pdlearn.experiments.training import amounts, config_of, fingerprint_of
from pdlearn.games import GAMES
from pdlearn.networks import MultiGameNetwork
from pdlearn.presets import DISTILL_BUDGETS, DQN_BUDGETS, PQN_BUDGETS
from pdlearn.publish import agents, ship
from pdlearn.rows import read_rows, write_rows
from pdlearn.tensor_files import CheckpointError, read_file, write_file

ROOT = Path(__file__).resolve().parent.parent
MULTI3 = EXPERIMENTS["multi3"]
LABELS = ["dqn", "pqn", "pqn, teachers' steps", "nll", "kl"]
LEARNT = {"pong": 1_000, "qbert": 3_000, "freeway": 700}  # agent steps


def learnt(game, agent_steps) -> Agent:
    """Return a teacher that was trained for so long; Freeway's held its random actions."""
    agent = make_agent(0, game, by="dqn")
    config = {"longest_hold_steps": 64} if game == "freeway" else {}
    made = agent.card["made"] | {"agent_steps": agent_steps, "config": config}
    return Agent(agent.network, agent.card | {"made": made})


TEACHERS = [learnt(game, agent_steps) for game, agent_steps in LEARNT.items()]


# --- what is compared with what ---


@pytest.mark.parametrize("budget", ["smoke", "fast", "full"])
def test_all_networks_of_a_table_have_the_same_number_of_agent_steps(budget):
    found = {
        student.label: amounts(config_of(student, budget, TEACHERS), 3)[0]
        for student in MULTI3.students
    }
    assert found.pop("pqn, teachers' steps") == sum(LEARNT.values())
    alone = DISTILL_BUDGETS[budget]
    assert set(found.values()) == {3 * alone.hours * alone.steps_per_hour}


@pytest.mark.parametrize("label", ["dqn", "pqn", "pqn, teachers' steps"])
def test_q_learning_without_a_teacher_holds_random_actions_as_long_as_a_teacher_did(label):
    student = next(each for each in MULTI3.students if each.label == label)
    assert config_of(student, "fast", TEACHERS).longest_hold_steps == 64
    assert config_of(student, "fast", TEACHERS[:1]).longest_hold_steps == 1


def test_each_game_has_as_many_minibatches_as_a_student_of_that_game():
    config = config_of(Student("kl", "multi3"), "fast", TEACHERS)
    assert config.updates_per_hour == 3 * DISTILL_BUDGETS["fast"].updates_per_hour
    assert config_of(Student("kl", "net3"), "fast", TEACHERS[:1]).updates_per_hour == 5_000


def test_a_network_of_several_games_is_one_cell():
    found = cells(MULTI3, ["freeway", "pong"], [0, 1])
    assert [(cell.games, cell.seed) for cell in found] == [(("freeway", "pong"), 0)] * 5 + [
        (("freeway", "pong"), 1)
    ] * 5
    assert [cell.student.label for cell in found[:5]] == LABELS


@pytest.mark.parametrize("games", [[], ["pong"]])
def test_a_network_of_several_games_needs_two(games):
    with pytest.raises(ValueError, match="at least two games with a shipped teacher"):
        cells(MULTI3, games, [0])


def test_the_fingerprint_depends_on_each_teacher_and_their_order():
    agents = [make_agent(seed, game) for seed, game in ((0, "pong"), (1, "freeway"))]
    other = make_agent(2, "freeway")
    both = fingerprint_of(agents)
    assert both != fingerprint_of([agents[0], other]) and both != fingerprint_of(agents[::-1])


# --- a small table is run ---


@pytest.fixture(scope="module")
def workshop(tmp_path_factory):
    """A zoo of two untrained teachers, and budgets of seconds."""
    folder = tmp_path_factory.mktemp("joint")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(zoo, "FOLDER", folder / "zoo")
        patch.setitem(networks.MULTI_SIZES, "multi3", networks.SIZES["net3"])
        patch.setitem(
            DISTILL_BUDGETS, "smoke",
            replace(DISTILL_BUDGETS["smoke"], steps_per_hour=120, updates_per_hour=4, minibatch=8),
        )  # fmt: skip
        patch.setitem(
            DQN_BUDGETS, "smoke",
            replace(DQN_BUDGETS["smoke"], learn_start_steps=80, minibatch=8),
        )  # fmt: skip
        patch.setitem(
            PQN_BUDGETS, "smoke",
            replace(PQN_BUDGETS["smoke"], rollout_steps=5, minibatch=20, num_envs=4),
        )  # fmt: skip
        patch.setattr("pdlearn.distill.HELD_OUT_STEPS", 40)
        for seed, (game, score) in enumerate((("freeway", 20.0), ("pong", 10.0))):
            agent = make_agent(seed, game, by="dqn")
            seen = {"observation_shape": [4, 84, 84], "preprocessing": PREPROCESSING}
            made = agent.card["made"] | {"agent_steps": 160}
            card = agent.card | seen | {"score": {game: {"mean": score}}, "made": made}
            save_agent(zoo.path(f"{game}/teacher"), Agent(agent.network, card))
        yield folder


def finished(workshop):
    """Return the rows of the finished cells of multi3."""
    wanted = tasks("multi3", "smoke", [], [0], folder=workshop)
    return driver.finished_rows(workshop / "results" / "multi3.csv", wanted)


@pytest.fixture(scope="module")
def small(workshop):
    """multi3 run once, stopped before the last network was evaluated, and then run twice more."""
    driven, stop = [], [True]

    def drive(run):
        driven.append((getattr(run.config, "loss", run.kind), len(list(run))))

    def evaluate(agent, config, seed):
        if stop[0] and driven[-1][0] == "kl" and agent.game == "pong":
            raise ValueError("stopped")
        score = {"freeway": 16.0, "pong": 9.0}[agent.game]
        return Evaluation(agent.game, [score, score + 2], [5, 5], 0, 0.05, seed, [3, 4], [1, 1])

    def judge(teacher, config, seed):
        score = {"freeway": 20.0, "pong": 10.0}[teacher.game]
        return Evaluation(teacher.game, [score] * 2, [5, 5], 0, 0.05, seed, [3, 4], [1, 1])

    def again():
        folder = workshop / "runs"
        with ThreadPoolExecutor(1) as executor:
            wanted = tasks("multi3", "smoke", [], [0], folder=folder)
            path = workshop / "results" / "multi3.csv"
            return list(driver.run_missing(path, wanted, executor, folder))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pdlearn.experiments.cells.evaluate", evaluate)
        patch.setattr("pdlearn.experiments.judging.evaluate", judge)
        patch.setattr("pdlearn.experiments.judging.PROBE_STEPS", 64)
        patch.setattr("pdlearn.experiments.cells.drive", drive)
        with pytest.raises(ValueError, match="1 of 5 jobs failed.*stopped"):
            again()
        stop[0] = False
        return driven, again(), again()


def test_every_network_gives_one_row_per_game(small, workshop):
    rows = read_rows(workshop / "results" / "multi3.csv")
    found = [(row["label"], row["game"], row["percent"]) for row in rows]
    assert found == [
        (label, game, percent)
        for label in LABELS
        for game, percent in (("freeway", "85.0"), ("pong", "100.0"))
    ]
    assert [row["agent_steps"] for row in rows[::2]] == ["240", "240", "320", "240", "240"]
    assert rows[0]["games"] == "freeway pong"
    # DQN begins after 80 of 240 steps and learns a sample a step, PQN learns each step twice, and
    # students learn 2 x 4 minibatches of 8.
    assert [row["samples"] for row in rows[::2]] == ["160", "480", "640", "64", "64"]
    assert rows[0]["paper_percent"] == "90.3" and rows[0]["loss"] == "td"
    assert len({row["parameters"] for row in rows}) == 1


def test_only_the_stopped_network_is_resumed_and_it_is_not_trained_further(small):
    driven, second, third = small
    assert [loss for loss, _ in driven] == ["dqn", "pqn", "pqn", "nll", "kl", "kl"]
    assert driven[-1][1] == 0  # no row: it had finished
    assert [row["label"] for row in second] == ["kl", "kl"] and third == []


def test_the_table_shows_the_papers_values(small, workshop):
    rows = finished(workshop)
    lines = table("multi3", rows).splitlines()
    assert lines[0] == f"| game | {' | '.join(LABELS)} |"
    ours = "85.0 [80, 90]"
    expected = f"{ours} (90.3) | {ours} | {ours} | {ours} (102.7) | {ours} (102.0)"
    assert lines[2] == f"| Freeway | {expected} |"
    assert lines[4].startswith("| **geometric mean, 2 games** | 92.2 [85, 99] (81.8) | 92.2 [")


def test_rows_of_other_teachers_do_not_count_as_finished(small, workshop):
    file = zoo.path("pong/teacher")
    kept = file.read_bytes()
    agent = zoo.load("pong/teacher")
    agent.network.out.bias += 1
    save_agent(file, agent)
    try:
        assert finished(workshop) == []
    finally:
        file.write_bytes(kept)


@pytest.mark.parametrize(("labels", "drawn"), [(("dqn", "nll"), True), (("dqn", "pqn"), False)])
def test_the_command_writes_a_csv_file_and_a_figure(
    labels, drawn, workshop, tmp_path, monkeypatch, capsys
):
    def evaluate(agent, config, seed):
        return Evaluation(agent.game, [9.0, 11.0], [5, 5], 0, 0.05, seed, [3, 4], [1, 1])

    monkeypatch.setenv("PDLEARN_QUIET", "1")
    monkeypatch.setattr("pdlearn.experiments.cells.evaluate", evaluate)
    monkeypatch.setattr("pdlearn.experiments.judging.evaluate", evaluate)
    monkeypatch.setattr("pdlearn.experiments.judging.PROBE_STEPS", 64)
    # In a thread: what is patched here is not in other processes.
    monkeypatch.setattr(
        "pdlearn.jobs.executors.executor_by_name", lambda *_, **__: ThreadPoolExecutor(1)
    )
    two = replace(MULTI3, students=tuple(s for s in MULTI3.students if s.label in labels))
    monkeypatch.setitem(EXPERIMENTS, "multi3", two)
    command = ["reproduce", "multi3", "--budget", "smoke", "--seeds", "1", "--folder"]
    command += [str(tmp_path / "runs"), "--results", str(tmp_path)]
    assert cli.main(command) == 0
    out = capsys.readouterr().out
    assert out.count("seed 1: 10.0") == 4 and "| Pong | 100.0 [100, 100] (74.1) |" in out
    assert (tmp_path / "multi3.png").exists() == drawn
    assert not drawn or (tmp_path / "multi3.png").stat().st_size > 5_000
    assert len(read_rows(tmp_path / "multi3.csv")) == 4


# --- the zoo ---


def two_games(seed=0) -> Agent:
    """Return an untrained network for Freeway and Pong, as a distillation would have made it."""
    actions = {game: list(GAMES[game].actions) for game in ("freeway", "pong")}
    counts = {game: len(names) for game, names in actions.items()}
    network = MultiGameNetwork(counts, "multi3", generator=torch.Generator().manual_seed(seed))
    made = {
        "by": "distill", "seed": 0, "agent_steps": 240, "updates": 8, "seconds": 36.0,
        "hardware": "a processor", "precision": "float32",
        "config": {"loss": "kl", "temperature": 0.01, "minibatch": 8},
    }  # fmt: skip
    card = {
        "games": actions, "size": "multi3", "observation_shape": [4, 84, 84],
        "preprocessing": dict(PREPROCESSING),
        "made": made,
    }  # fmt: skip
    return Agent(network.requires_grad_(False), card)


@pytest.fixture
def shipped(tmp_path, monkeypatch):
    """A zoo and results to which `multi3/kl` was shipped, the teachers being there before."""

    def evaluate(agent, config, seed):
        scores = [float(len(agent.game)), 9.0]
        return Evaluation(agent.game, scores, [5, 6], 0, 0.05, seed, [4, 2], [438, 966])

    for page in ("README.md", "docs/zoo.md"):
        (tmp_path / page).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / page, tmp_path / page)
    results = tmp_path / "docs" / "results"
    other = {"mean": "20.0", "low": "19.0", "high": "21.0", "episodes": "100"}
    teachers = [
        {"game": game, "network": "teacher", "parameters": "9", **other, "agent_steps": "1",
         "hours": "1"}
        for game in ("freeway", "pong")
    ]  # fmt: skip
    write_rows(results / "teachers.csv", teachers)
    monkeypatch.setitem(networks.MULTI_SIZES, "multi3", networks.SIZES["net3"])
    monkeypatch.setattr(zoo, "FOLDER", tmp_path / "zoo")
    monkeypatch.setattr(ship, "evaluate", evaluate)
    monkeypatch.setattr("pdlearn.plots.learning_curves", lambda curves: Picture())
    save_agent(tmp_path / "agent.safetensors", two_games())
    ship.ship(tmp_path / "agent.safetensors", "abc1234", root=tmp_path)
    return tmp_path


class Picture:
    def savefig(self, path, dpi):
        pass


def test_a_shipped_network_loads_for_one_game_and_for_all(shipped):
    assert zoo.names() == ["multi3/kl"]
    pong = zoo.load("multi3/kl", game="pong")
    assert pong.game == "pong" and pong.score["mean"] == 6.5  # four letters and 9
    whole = zoo.load_all_games("multi3/kl")
    assert whole.games == ("freeway", "pong")
    assert whole.card["score"]["freeway"]["mean"] == 8.0
    assert whole.card["made"]["commit"] == "abc1234"
    observation = torch.randint(256, (2, 4, 84, 84), dtype=torch.uint8)
    assert torch.equal(pong.network(observation), whole.network(observation, "pong"))
    with pytest.raises(CheckpointError, match="none was named"):
        zoo.load("multi3/kl")


def test_shipping_writes_a_row_per_game_and_lists_the_network_on_the_page(shipped):
    rows = read_rows(shipped / "docs" / "results" / "students.csv")
    assert [(r["game"], r["network"], r["mean"]) for r in rows] == [
        ("freeway", "multi3/kl", "8.0"), ("pong", "multi3/kl", "6.5"),
    ]  # fmt: skip
    parameters = networks.parameter_count(zoo.load_all_games("multi3/kl").network)
    assert {row["parameters"] for row in rows} == {str(parameters)}
    page = (shipped / "docs" / "zoo.md").read_text("utf-8")
    assert "| `multi3/kl`, pong | 6.5 [4.0, 9.0] over 2 episodes | – |" in page


def test_a_shipped_networks_percentages_are_of_its_teachers_episodes(shipped):
    path = shipped / "docs" / "results" / "episodes.csv"
    teacher = Evaluation("pong", [10.0, 30.0, 0.0], [5] * 3, 0, 0.05, 1, [4, 2, 9], [438, 966, 7])
    write_rows(path, read_rows(path) + ship.episode_rows("pong/teacher", teacher))
    built = agents.built_pages(shipped)[shipped / "docs" / "zoo.md"]
    # 4 and 9 points of the student, 10 and 30 of its teacher from the same two starts.
    assert "| `multi3/kl`, pong | 6.5 [4.0, 9.0] over 2 episodes | 32 [30, 40] |" in built
    assert "| `multi3/kl`, freeway | 8.0 [7.0, 9.0] over 2 episodes | – |" in built


def test_shipping_again_replaces_the_rows(shipped):
    save_agent(shipped / "agent.safetensors", two_games(seed=1))
    ship.ship(shipped / "agent.safetensors", "def5678", root=shipped)
    rows = read_rows(shipped / "docs" / "results" / "students.csv")
    assert [row["commit"] for row in rows] == ["def5678"] * 2
    assert len(read_rows(shipped / "docs" / "results" / "episodes.csv")) == 4


def test_shipping_writes_a_row_per_episode_and_game(shipped):
    rows = read_rows(shipped / "docs" / "results" / "episodes.csv")
    assert [(row["game"], row["start"], row["score"]) for row in rows] == [
        ("freeway", "4", "7.0"), ("freeway", "2", "9.0"),
        ("pong", "4", "4.0"), ("pong", "2", "9.0"),
    ]  # fmt: skip
    assert rows[3] == {
        "agent": "multi3/kl", "game": "pong", "protocol": PROTOCOL, "epsilon": "0.05", "seed": "1",
        "start": "2", "emulator_seed": "966", "score": "9.0", "steps": "6",
    }  # fmt: skip


def test_scoring_again_changes_only_scores_of_another_protocol(shipped, monkeypatch):
    path = zoo.path("multi3/kl")
    tensors, card = read_file(path)
    card["score"]["pong"] |= {
        "mean": 1.0,
        "low": 1.0,
        "high": 1.0,
        "protocol": "up to 30 no-ops, raw score",
    }
    write_file(path, tensors, card)
    assert {tensor.dtype for tensor in tensors.values()} == {torch.float16}
    evaluated = []

    def evaluate(agent, config, seed):
        evaluated.append((agent.game, config.episodes))
        return Evaluation(agent.game, [3.0, 4.0], [5, 6], 0, 0.05, seed, [4, 2], [438, 966])

    monkeypatch.setattr(ship, "evaluate", evaluate)
    for _ in range(2):  # the second time all is done
        ship.main(rescore=("all",), root=shipped)
    assert evaluated == [("pong", 60)]
    again, new = read_file(path)
    assert new["score"]["pong"]["mean"] == 3.5
    assert new["score"]["freeway"] == card["score"]["freeway"]
    assert {**new, "score": None} == {**card, "score": None}
    assert {k: (v.dtype, v.tolist()) for k, v in again.items()} == {
        k: (v.dtype, v.tolist()) for k, v in tensors.items()
    }
    rows = read_rows(shipped / "docs" / "results" / "episodes.csv")
    assert [row["score"] for row in rows] == ["7.0", "9.0", "3.0", "4.0"]
    means = [row["mean"] for row in read_rows(shipped / "docs" / "results" / "students.csv")]
    assert means == ["8.0", "3.5"]


def test_a_score_that_was_not_written_is_computed_again(shipped, monkeypatch):
    path = zoo.path("multi3/kl")
    tensors, card = read_file(path)
    write_file(path, tensors, {key: value for key, value in card.items() if key != "score"})

    def stopped(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(ship, "write_file", stopped)
    with pytest.raises(KeyboardInterrupt):
        ship.score("multi3/kl", root=shipped)
    assert ship.unscored(zoo.load_all_games("multi3/kl")) == ["freeway", "pong"]


@pytest.mark.parametrize(
    "arguments",
    [{}, {"commit": "a"}, {"file": "a"}, {"rescore": ("all",), "file": "a", "commit": "b"}],
)
def test_shipping_needs_a_file_and_a_commit_or_names_to_score_again(arguments):
    with pytest.raises(SystemExit, match="expected a file and --commit, or --rescore"):
        ship.main(**arguments)


def test_the_zoo_lists_and_checks_a_network_on_each_of_its_games(shipped, monkeypatch, capsys):
    assert cli.main(["zoo"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[0] for line in lines[1:]] == ["multi3/kl freeway", "multi3/kl pong"]

    def evaluate(agent, config, seed, title):
        score = {"freeway": 8.0, "pong": 20.0}[agent.game]
        return Evaluation(agent.game, [score, score], [5, 5], 0, 0.05, seed)

    monkeypatch.setattr("pdlearn.commands.zoo.evaluate", evaluate)
    assert cli.main(["zoo", "check"]) == 2
    captured = capsys.readouterr()
    assert "outside their card: multi3/kl pong\n" in captured.err
    assert load_whole(zoo.path("multi3/kl")).card["score"]["pong"]["high"] == 9.0


def test_a_network_for_fewer_games_is_not_a_seed_of_one_for_more():
    three, two = "freeway pong qbert", "freeway pong"
    common = {"game": "pong", "label": "dqn", "loss": "td", "samples": "9", "agent_steps": "9"}
    kl = {**common, "label": "kl", "loss": "kl", "games": three, "teacher": "a"}
    rows = [
        {**common, "games": two, "teacher": "b"}, {**common, "games": three, "teacher": "a"}, kl,
    ]  # fmt: skip
    shown, left_out = comparable(rows)
    assert (shown, left_out) == (rows[1:], 1)
