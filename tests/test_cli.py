"""The command: it starts at once, says what is wrong in one sentence, and loses nothing."""

import dataclasses
import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from fakes import CATCH, MIRRORED
from matplotlib.figure import Figure

from pdlearn import cli, networks, zoo
from pdlearn.checkpoints import read_agent
from pdlearn.experiments import cells, online, tables, training
from pdlearn.presets import EvalConfig
from pdlearn.tensor_files import read_file

SHORT = "--budget smoke --device cpu --set size=net3 evaluation_period_steps=1000000".split()


@pytest.fixture
def at(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PDLEARN_QUIET", "1")
    return tmp_path


# What a shell starts in the background ignores Ctrl-C, and so would all that it starts in turn.
HEED_CTRL_C = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"


def run_python(code: str, cwd, **keywords):
    return subprocess.Popen(
        [sys.executable, "-c", HEED_CTRL_C + code],
        cwd=cwd, stderr=subprocess.PIPE, text=True, **keywords,
    )  # fmt: skip


COMMANDS = (
    "tour doctor train distill record starts evaluate export zoo reproduce lessons course bench"
).split()


def test_help_does_not_import_torch():
    code = (
        "import sys, pdlearn.cli\n"
        "try: pdlearn.cli.main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'torch', 'numpy', 'matplotlib', 'gymnasium'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert process.returncode == 0, process.stderr
    for command in COMMANDS:
        assert command in process.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_help_names_no_default_that_is_not_a_value(command, capsys):
    with pytest.raises(SystemExit):
        cli.main([command, "--help"])
    printed = capsys.readouterr().out
    assert not re.search(r"None|default:\s*\)|default[^)]*\)\s*\(default", printed)


def test_help_joins_the_lines_of_an_options_text(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    with pytest.raises(SystemExit):
        cli.main(["reproduce", "--help"])
    assert "temperature, mse (squared error of values or advantages" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("zoo check --seed x", "--seed: expected an integer; got 'x'"),
        ("evaluate pong/net3 --seed 2.5", "--seed: expected an integer; got '2.5'"),
        ("distill pong --temperature x", "--temperature: expected a number; got 'x'"),
        ("train pong --minutes x", "--minutes: expected a number; got 'x'"),
        ("train pong --method x", "'x' for argument '--method'. Expected one of ('dqn', 'pqn')"),
    ],
)
def test_a_word_of_the_wrong_type_is_refused(arguments, expected, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    with pytest.raises(SystemExit) as stopped:
        cli.main(arguments.split())
    assert stopped.value.code == 2
    printed = capsys.readouterr().err
    assert expected in printed and "None" not in printed


def test_train_leaves_a_run_and_resume_goes_on(at):
    assert cli.main(["train", CATCH, *SHORT]) == 0
    folder = at / "runs" / "train-pdlearn-Catch-v0-0"
    names = {path.name for path in folder.iterdir()} - {".lock"}
    assert names == {"config.json", "metrics.csv", "state.safetensors", "agent.safetensors"}
    assert json.loads((folder / "config.json").read_text())["size"] == "net3"
    assert cli.main(["train", CATCH, "--resume", str(folder), "--agent-steps", "4000"]) == 0
    lines = (folder / "metrics.csv").read_text().splitlines()
    assert lines[0].startswith("agent_steps,updates") and len(lines) == 3
    assert [line.split(",")[0] for line in lines[1:]] == ["2000", "4000"]


def test_a_run_is_not_overwritten(at, capsys):
    arguments = ["train", CATCH, *SHORT, "--agent-steps", "200"]
    assert cli.main(arguments) == 0
    assert cli.main(arguments) == 2
    assert "already holds a run" in capsys.readouterr().err


def test_the_whole_way_from_a_teacher_to_a_evaluated_student(at, capsys):
    cli.main(["train", CATCH, *SHORT, "--folder", "t"])
    teacher = "t/agent.safetensors"
    cli.main(["record", CATCH, "play.rec", "--teacher", teacher, "--agent-steps", "500"])
    common = [CATCH, "--teacher", teacher, "--budget", "smoke", "--device", "cpu"]
    assert cli.main(["distill", *common, "--folder", "a"]) == 0
    assert cli.main(["distill", *common, "--folder", "b", "--recording", "play.rec"]) == 0
    assert read_agent(at / "b" / "agent.safetensors", CATCH).card["size"] == "net3"
    evaluation = ["evaluate", "a/agent.safetensors", "--episodes", "3", "--json", "a.json"]
    capsys.readouterr()
    assert cli.main(evaluation) == 0
    assert "over 3 episodes of 11 steps" in capsys.readouterr().out
    assert len(json.loads((at / "a.json").read_text())["scores"]) == 3


def test_several_games_are_distilled_into_one_student_that_is_evaluated_on_each(
    at, capsys, monkeypatch
):
    monkeypatch.setitem(networks.MULTI_SIZES, "multi3", networks.SIZES["net3"])
    games = [CATCH, MIRRORED]
    for index, game in enumerate(games):
        cli.main(["train", game, *SHORT, "--agent-steps", "200", "--folder", f"t{index}"])
    teachers = [f"--teacher=t{index}/agent.safetensors" for index in range(2)]
    common = ["--budget", "smoke", "--device", "cpu", *teachers]
    assert cli.main(["distill", *games, "--size", "multi3", *common]) == 0
    folder = at / "runs" / "distill-pdlearn-Catch-v0-pdlearn-MirroredCatch-v0-multi3-kl-0"
    names = {path.name for path in folder.iterdir()} - {".lock"}
    assert names == {"config.json", "metrics.csv", "state.safetensors", "agent.safetensors"}
    assert (folder / "metrics.csv").read_text().startswith("phase,hour,agent_steps")
    assert json.loads((folder / "config.json").read_text())["games"] == games
    agent = str(folder / "agent.safetensors")
    capsys.readouterr()
    assert cli.main(["evaluate", agent, "--game", MIRRORED, "--episodes", "2"]) == 0
    assert "over 2 episodes of 11 steps" in capsys.readouterr().out
    assert cli.main(["evaluate", agent, "--episodes", "2"]) == 2
    assert "plays several games and none was named" in capsys.readouterr().err
    assert cli.main(["distill", "--resume", str(folder), "--device", "cpu", *teachers]) == 0


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["train", "pongg"], "unknown game 'pongg'; did you mean 'pong'?"),
        (["distill", "Pong"], "unknown game 'Pong'; did you mean 'pong'?"),
        (["distill", "pong", "--size", "net6"], "unknown size 'net6'; did you mean 'net"),
        (["distill"], "expected a game, as in `pdlearn distill pong`; got none"),
        (["distill", "pong", "--size", "multi3"], "size 'multi3' is for several games"),
        (["distill", "pong", "qbert"], "size 'net3' is for one game; sizes for several games: mul"),
        (["distill", "pong", "qbrt", "--size", "multi3"], "unknown game 'qbrt'; did you mean 'qb"),
        (["distill", "pong", "pong", "--size", "multi3"], "teachers of different games; got pong"),
        (
            ["distill", "pong", "qbert", "--size", "multi3", "--teacher", "pong/teacher"],
            "expected one --teacher for each of pong, qbert, or none; got 1",
        ),
        (
            ["distill", "qbert", "--teacher", "pong/net3", "--budget", "smoke"],
            "plays 'pong'; expected 'qbert'",
        ),
        (["evaluate", "pong/net3", "--game", "qbert"], "plays 'pong'; expected 'qbert'"),
        (["evaluate", "pong/techer"], "did you mean 'pong/teacher'?"),
        (["evaluate", "nowhere.safetensors"], "cannot be read (No such file or directory)"),
        (["evaluate", "pong/net3", "--episodes", "0"], "expected --episodes in 1..100000; got 0"),
        (["train", "pong", "--set", "gamma=1"], "unknown setting 'gamma=1'"),
        (["train", "pong", "--set", "n_step=two"], "expected n_step as int"),
        (["train", "pong", "--resume", "nowhere"], "no run to resume here"),
        (
            ["distill", "pong", "--temperature", "0", "--budget", "smoke"],
            "expected temperature in 1e-06..1000000.0; got 0.0",
        ),
        (
            ["distill", "pong", "qbert", "--online", "--size", "multi3"],
            "expected one game with --online; got 2",
        ),
        (
            ["distill", "pong", "--online", "--teacher", "pong/net3"],
            "expected no --teacher with --online, where a DQN is the teacher; got pong/net3",
        ),
        (
            ["distill", "pong", "--teacher-set", "n_step=1"],
            "expected no --teacher-set without --online: other teachers are trained; got n_step=1",
        ),
        (["distill", "pong", "--online", "--teacher-set", "gamma=1"], "unknown setting 'gamma=1'"),
        (["distill", "pong", "--online", "--resume", "nowhere"], "no run to resume here"),
        (["distill", "pong", "--set", "student_share=2"], "student_share in 0..1; got 2.0"),
        (["distill", "pong", "--set", "learning_rate=fast"], "expected learning_rate as float"),
        (["train", "pong", "--set", "minibatch=0"], "expected minibatch in 1..65536; got 0"),
        (
            ["train", "pong", "--set", "discount=nan"],
            "expected discount as a finite number; got nan",
        ),
    ],
)
def test_a_bad_input_gets_one_sentence_and_status_2(at, capsys, arguments, sentence):
    assert cli.main([*arguments, *(["--device", "cpu"] if arguments[0] != "tour" else [])]) == 2
    error = capsys.readouterr().err
    assert sentence in error and "Traceback" not in error
    assert len(error.strip().splitlines()) == 1


def test_distil_says_so_where_the_game_has_no_teacher(at, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(zoo, "FOLDER", tmp_path)
    assert cli.main(["distill", "qbert"]) == 2
    error = capsys.readouterr().err
    assert "no teacher of 'qbert' is shipped; train one with `pdlearn train qbert`" in error


TEACH_FOREVER = (
    "import pdlearn.runs; pdlearn.runs.SAVE_SECONDS = 0.0\n"
    "from pdlearn.cli import main\n"
    # Minutes end it even where the test was killed before it could.
    f"raise SystemExit(main(['train', {CATCH!r}, '--folder', 'r', '--agent-steps', '100000000',\n"
    "    '--minutes', '5',\n"
    "    '--budget', 'smoke', '--device', 'cpu', '--set', 'size=net3',\n"
    "    'evaluation_period_steps=1000000000']))"
)


ONLINE = [
    "distill", CATCH, "--online", "--budget", "smoke", "--device", "cpu", "--folder", "r", "--size",
    "net5", "--set", "steps_per_hour=200", "updates_per_hour=5", "--teacher-set", "size=net5",
    "learn_start_steps=100", "evaluation_period_steps=400",
]  # fmt: skip


def test_online_leaves_a_student_and_the_best_dqn_and_resume_goes_on(at, capsys):
    assert cli.main([*ONLINE, "agent_steps=800"]) == 0
    names = {path.name for path in (at / "r").iterdir()} - {".lock"}
    kept = {"agent", "best", "state"}
    assert names == {"config.json", "metrics.csv"} | {f"{name}.safetensors" for name in kept}
    assert "pdlearn evaluate r/best.safetensors" in capsys.readouterr().out
    assert cli.main(ONLINE) == 2
    assert "already holds a run" in capsys.readouterr().err
    again = ["distill", "--resume", "r", "--device", "cpu"]
    assert cli.main([*again, "--teacher-set", "agent_steps=1200"]) == 0
    settings = json.loads((at / "r" / "config.json").read_text())
    assert (settings["size"], settings["hours"], settings["teacher"]["size"]) == ("net5", 6, "net5")
    lines = (at / "r" / "metrics.csv").read_text().splitlines()
    assert lines[0].startswith("phase,agent_steps")
    evaluated = [line.split(",")[1] for line in lines if line.startswith("evaluate")]
    assert evaluated == ["400", "800", "1200"]
    assert read_agent(at / "r" / "agent.safetensors", CATCH).card["made"]["updates"] == 5 * 5


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_stopped_online_run_goes_on_where_it_was_saved(at, how):
    process = run_python(
        "import pdlearn.runs; pdlearn.runs.SAVE_SECONDS = 0.0\n"
        "from pdlearn.cli import main\n"
        f"raise SystemExit(main({[*ONLINE, 'agent_steps=100000000', '--minutes', '5']}))",
        at,
    )
    wait_for_rows(at / "r", 4, process)
    process.send_signal(how)
    process.wait(60)
    if how == signal.SIGINT:
        assert "pdlearn distill --resume r\n" in process.stderr.read()
    before = read_file(at / "r" / "state.safetensors")[1]["counts"]
    assert before["agent_steps"] >= 400 and before["updates"] >= 5
    goal = before["agent_steps"] + 400
    again = ["distill", CATCH, "--online", "--resume", "r", "--device", "cpu"]
    assert cli.main([*again, "--teacher-set", f"agent_steps={goal}"]) == 0
    after = read_file(at / "r" / "state.safetensors")[1]["counts"]
    assert after["agent_steps"] >= goal and after["updates"] > before["updates"]
    assert after["teacher_run"]["updates"] > before["teacher_run"]["updates"]


def wait_for_rows(folder: Path, count: int, process) -> None:
    path = folder / "metrics.csv"
    for _ in range(1200):
        if path.exists() and len(path.read_text().splitlines()) > count:
            return
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.1)
    raise AssertionError("no progress in two minutes")


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_a_stopped_run_goes_on_where_it_was_saved(at, how):
    process = run_python(TEACH_FOREVER, at)
    wait_for_rows(at / "r", 2, process)
    process.send_signal(how)
    process.wait(60)
    if how != signal.SIGKILL:
        assert process.returncode == 130
        assert "stopped and saved; continue with\n  pdlearn train --resume r" in (
            process.stderr.read()
        )
    before = read_file(at / "r" / "state.safetensors")[1]["counts"]
    assert before["agent_steps"] >= 2_000
    goal = before["agent_steps"] + 2_000
    assert cli.main(["train", "--resume", "r", "--agent-steps", str(goal)]) == 0
    after = read_file(at / "r" / "state.safetensors")[1]["counts"]
    assert after["agent_steps"] >= goal and after["updates"] >= before["updates"]
    assert not list((at / "r").glob(".*.part")) or how == signal.SIGKILL


def test_a_bar_that_stands_still_shows_that_the_games_go_on(monkeypatch, capsys):
    from pdlearn.evaluation import evaluate
    from pdlearn.presets import EvalConfig
    from pdlearn.rollout import Episode

    def play(*_):
        for score in (19.0, 21.0):
            for _ in range(8):
                time.sleep(0.1)  # no game ends in these turns; a bar is drawn twice a second
                yield []
            yield [Episode(0, score, 5, False)]

    monkeypatch.delenv("PDLEARN_QUIET", raising=False)
    monkeypatch.setattr("pdlearn.evaluation.play_episodes", play)
    agent = SimpleNamespace(game="pong", card={})
    assert evaluate(agent, EvalConfig(episodes=2), progress=True).scores == [19.0, 21.0]
    drawn = capsys.readouterr().err
    assert "evaluate pong" in drawn
    assert re.search(r"0/2 [^\r]*turns=[5-8]", drawn)
    assert re.search(r"1/2 [^\r]*turns=1[3-7], score=19", drawn)
    assert re.search(r"2/2 [^\r]*turns=18, score=21", drawn)
    assert evaluate(agent, EvalConfig(episodes=2)).scores == [19.0, 21.0]
    monkeypatch.setenv("PDLEARN_QUIET", "1")
    assert evaluate(agent, EvalConfig(episodes=2), progress=True).scores == [19.0, 21.0]
    assert capsys.readouterr().err == ""


def test_the_zoo_lists_every_shipped_agent_with_its_score(capsys):
    assert cli.main(["zoo"]) == 0
    out = capsys.readouterr().out
    for name in zoo.names():
        assert name in out
    assert "pong/teacher" in out and "pong/net3" in out


def test_the_tour_leaves_its_page_and_its_figures(at):
    assert cli.main(["tour", "--budget", "smoke"]) == 0
    folder = at / "runs" / "tour"
    result = json.loads((folder / "result.json").read_text())
    assert result["student_parameters"] == 61_174 and result["teacher_parameters"] == 1_687_206
    assert {"teacher_score", "student_score", "student_percent", "seconds"} <= set(result)
    assert result["student"]["kilobytes"] < 150
    page = (folder / "report.html").read_text("utf-8")
    assert "1 min 7 s of the teacher" in page  # 1,000 states
    assert result["teacher"]["low"] is None and "with 2 episodes there is no interval" in page
    assert (folder / "report.html").stat().st_size > 20_000
    assert read_agent(folder / "student.safetensors", "pong").card["size"] == "net3"
    assert (folder / "metrics.csv").read_text().startswith("phase,hour,agent_steps")


def test_reproduce_leaves_a_csv_and_a_picture_and_runs_no_cell_twice(tmp_path, monkeypatch, capsys):
    table = tables.EXPERIMENTS["temperature"]
    one = dataclasses.replace(table, students=table.students[:1])
    monkeypatch.setitem(tables.EXPERIMENTS, "temperature", one)
    monkeypatch.setitem(cells.EVALUATIONS, "smoke", EvalConfig(episodes=1))
    command = [
        "reproduce", "temperature", "--budget", "smoke", "--games", "pong", "--seeds", "0",
        "--folder", str(tmp_path / "runs"), "--results", str(tmp_path / "results"),
    ]  # fmt: skip
    assert cli.main(command) == 0
    first = capsys.readouterr().out
    assert first.startswith("pong ") and "| Pong | " in first
    assert (tmp_path / "results" / "temperature.png").stat().st_size > 5_000
    assert cli.main(command) == 0
    assert capsys.readouterr().out.startswith("| game |")
    path = tmp_path / "results" / "temperature.csv"
    header, row = path.read_text().splitlines()
    # A row of another game, and one of a teacher that does not ship any more: the picture, drawn
    # anew, is of both games and not of that teacher.
    pong, freeway = (
        training.fingerprint_of([zoo.load(f"{game}/teacher")]) for game in ("pong", "freeway")
    )
    other = row.replace("pong", "freeway", 1).replace(pong, freeway)
    path.write_text("\n".join([header, other, row.replace(pong, "0" * 16), row, ""]))
    drawn = []
    monkeypatch.setattr(tables, "percent_points", lambda ours, *_: drawn.append(ours) or Figure())
    assert cli.main(command) == 0
    (points,) = [{game: len(ours[game]["1"]) for game in ours} for ours in drawn]
    assert points == {"freeway": 1, "pong": 1}
    assert len(path.read_text().splitlines()) == 4


def test_reproduce_says_so_where_no_game_has_a_teacher(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(zoo, "FOLDER", tmp_path)
    assert cli.main(["reproduce", "table1", "--results", str(tmp_path)]) == 2
    assert "none of these games has a shipped teacher" in capsys.readouterr().err


def test_reproduce_online_leaves_curves_and_runs_none_twice(tmp_path, monkeypatch, capsys):
    tiny = {"size": "net5", "learn_start_steps": 100, "evaluation_period_steps": 1000}
    monkeypatch.setitem(
        online.DQN_BUDGETS, "smoke",
        dataclasses.replace(online.DQN_BUDGETS["smoke"], agent_steps=1000, **tiny),
    )  # fmt: skip
    command = [
        "reproduce", "online", "--budget", "smoke", "--games", "pong", "--seeds", "0", "1",
        "--folder", str(tmp_path / "runs"), "--results", str(tmp_path / "results"),
    ]  # fmt: skip
    assert cli.main(command) == 0
    out = capsys.readouterr().out
    assert (
        out.startswith("pong            seed 0, 1000 steps: DQN -")
        and "| Pong | 1,000 | 1 |" in out
    )
    assert (tmp_path / "results" / "online.png").stat().st_size > 5_000
    lines = (tmp_path / "results" / "online.csv").read_text().splitlines()
    assert lines[0].startswith("game,seed,dqn_steps") and len(lines) == 3
    assert cli.main(command) == 0
    assert capsys.readouterr().out.startswith("| game |")
