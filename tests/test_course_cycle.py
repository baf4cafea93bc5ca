"""A whole course, from `init` to the report, with made-up submissions and their expected marks.

Runs nbgrader; its own step: `pytest -m course tests/test_course_cycle.py`.
"""

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace

import nbformat
import pytest
import torch
from course_submissions import FULL, OUTSIDE, SUBMISSIONS, hand_in, solved

from pdlearn import DQN, QNetwork, zoo
from pdlearn.checkpoints import Agent, save_agent
from pdlearn.cli import main
from pdlearn.course.handing import CONFIG, gradebook_of
from pdlearn.course.starting import KIT
from pdlearn.evaluation import evaluate
from pdlearn.networks import parameter_count
from pdlearn.presets import DQN_BUDGETS, EvalConfig
from pdlearn.rows import write_rows
from pdlearn.web.pages import source

pytestmark = pytest.mark.course
NAMES = sorted({one.assignment for one in SUBMISSIONS})
each_submission = pytest.mark.parametrize("one", SUBMISSIONS, ids=lambda one: one.student)


CATCH = "pdlearn/Catch-v0"
LEARNING = replace(
    DQN_BUDGETS["smoke"], size="net3", num_envs=8, agent_steps=12_000, memory_steps=12_000,
    minibatch=32, samples_per_step=4.0, learning_rate=1e-3, target_period_updates=100,
    epsilon_decay_steps=6_000, learn_start_steps=500, evaluation_period_steps=10**9,
    priority_exponent=0.0, n_step=3,
)  # fmt: skip


def hand_in_agents(handed_in, course):
    """Hand in an agent trained for Catch, and what others make of its file."""
    run = DQN(CATCH, LEARNING, seed=1, precision="float32")
    for _ in run:
        pass
    agent = run.agent()
    names = ("trains", "shares", "damaged", "pickled", "other-game")
    notebooks = (
        nbformat.read(course / kind / "teacher/teacher.ipynb", 4) for kind in ("source", "release")
    )
    notebook = json.dumps(solved(*notebooks))
    for name in names:
        (handed_in / name).mkdir(parents=True)
        (handed_in / name / "teacher.ipynb").write_text(notebook, "utf-8")
    files = {name: handed_in / name / "agent.safetensors" for name in names}
    save_agent(files["trains"], agent)
    mean = evaluate(agent, EvalConfig(episodes=60)).mean
    row = {"game": CATCH, "parameters": parameter_count(agent.network), "mean": mean}
    write_rows(handed_in / "trains" / "results.csv", [{**row, "episodes": 60, "seed": 1}])
    whole = files["trains"].read_bytes()
    files["shares"].write_bytes(whole)
    files["damaged"].write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    torch.save(agent.network.state_dict(), files["pickled"])
    card = {**zoo.load("pong/net3").card, "size": "net5", "made": {"by": "dqn"}}
    save_agent(files["other-game"], Agent(QNetwork(6, "net5"), card))


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """Return the folder of a course that was set, collected, graded and reported."""
    pytest.importorskip("nbgrader")
    place = tmp_path_factory.mktemp("instructor")
    folder, handed_in = place / "course", place / "handed-in"
    assert main(["course", "init", str(folder)]) == 0
    with open(folder / CONFIG, "a") as file:
        file.write(f"\nc.Exchange.root = {str(place / 'exchange')!r}\n")
        file.write(f"c.Exchange.cache = {str(place / 'cache')!r}\n")
    (place / "exchange").mkdir(mode=0o777)
    (place / "exchange").chmod(0o777)  # whatever the umask is
    assert main(["course", "release", str(folder)]) == 0
    hand_in(handed_in, folder)
    card = {**zoo.load("pong/net3").card, "size": "net5", "made": {"by": "dqn"}}
    untrained = Agent(QNetwork(6, "net5"), card)
    save_agent(handed_in / "distilling" / "right-losses" / "agent.safetensors", untrained)
    shipped = zoo.load("pong/net3")
    save_agent(handed_in / "distilling" / "mistake-sign" / "agent.safetensors", shipped)
    hand_in_agents(handed_in / "teacher", folder)
    for name in [*NAMES, "teacher"]:
        sent = ["course", "collect", str(folder), name, "--from", str(handed_in / name)]
        assert main(sent) == 0
        assert main(["course", "grade", str(folder), name, "--cell-seconds", "15"]) == 0
    assert main(["course", "report", str(folder)]) == 0
    return folder


@pytest.fixture(scope="module")
def rows(course):
    with open(course / "reports" / "grades.csv", newline="") as file:
        return {row["student"]: row for row in csv.DictReader(file)}


@each_submission
def test_a_submission_gets_the_marks_in_the_table(one, rows):
    assert float(rows[one.student]["automatic"]) == one.marks


@each_submission
def test_a_student_is_told_what_went_wrong(one, course):
    page = (course / "reports" / "students" / f"{one.student}.html").read_text("utf-8")
    text = re.sub(r"</?code>", "`", page)
    assert one.said in text
    assert "HIDDEN" not in page and "marking.hidden(" not in page


def test_what_students_get_holds_no_solution_and_no_hidden_test(course):
    released = sorted((course / "release").rglob("*.ipynb"))
    assert len(released) == 7
    for path in released:
        text = path.read_text("utf-8")
        assert "SOLUTION" not in text and "HIDDEN" not in text and "marking.hidden" not in text
        source = nbformat.read(course / "source" / path.parent.name / path.name, 4)
        for cell in source.cells:
            meta = cell.metadata.nbgrader
            if meta.solution and cell.cell_type == "markdown":
                assert json.dumps(cell.source)[1:-1] not in text
            for region in re.findall(r"BEGIN SOLUTION\n(.*?)\n *###", cell.source, re.S):
                assert json.dumps(region.strip())[1:-1] not in text


def test_nothing_was_written_outside_a_submission(course):
    inside = course / "autograded"
    found = [path for path in course.parent.rglob(OUTSIDE) if inside not in path.parents]
    assert found == [] and list(inside.glob(f"*/{OUTSIDE}")) == []


def test_the_grader_is_told_where_to_look(rows):
    assert "marking" not in rows["right"]["look_at"]
    assert ".ipynb" in rows["reads-the-tests"]["look_at"]
    assert "ctypes" in rows["crashes"]["look_at"]


def test_an_agent_is_assessed_and_answers_in_words_wait_for_a_grader(rows):
    assert "of the way" in rows["right-losses"]["agent"]
    assert rows["slow"]["waiting_for_a_grader"] == "1"
    assert "no file agent.safetensors" in rows["borrows"]["agent"]
    assert rows["mistake-sign"]["agent"] == "has the weights of the shipped pong/net3"


def test_a_trained_agent_gets_points_and_a_file_that_is_none_gets_a_sentence(rows, course):
    assert float(rows["trains"]["by_hand"]) > 30 / 2 and float(rows["trains"]["automatic"]) == 10
    page = (course / "reports" / "students" / "trains.html").read_text("utf-8")
    assert "results.csv agrees with the agent" in page
    assert float(rows["shares"]["by_hand"]) > 0  # a person decides what equal files mean
    assert rows["shares"]["look_at"] == "same weights as trains"
    assert rows["trains"]["look_at"] == "same weights as shares"
    for name, said in (
        ("damaged", "damaged"),
        ("pickled", "not a whole safetensors file"),
        ("other-game", "plays pong; expected pdlearn/Catch-v0"),
    ):
        assert said in rows[name]["agent"] and float(rows[name]["by_hand"]) == 0
    board = (course / "reports" / "leaderboard.html").read_text("utf-8")
    assert board.count("<td>pdlearn/Catch-v0</td>") == 2


def test_a_grader_sees_in_formgrader_why_an_agent_got_its_points(course):
    with gradebook_of(course) as gradebook:
        comment = gradebook.find_comment("artefact", "teacher", "teacher", "other-game").comment
    assert comment == "Agent: plays pong; expected pdlearn/Catch-v0."


def test_what_formgrader_graded_is_reported_and_marked(course, rows):
    path = course / "grading" / "teacher.json"
    kept = path.read_text("utf-8")
    notes = json.loads(kept)
    del notes["trains"]
    path.write_text(json.dumps(notes), "utf-8")
    assert main(["course", "report", str(course)]) == 0
    path.write_text(kept, "utf-8")
    with open(course / "reports" / "grades.csv", newline="") as file:
        new = {row["student"]: row for row in csv.DictReader(file)}
    assert new.keys() == rows.keys()
    assert new["trains"]["points"] == rows["trains"]["points"]
    assert "graded without `pdlearn course grade`" in new["trains"]["look_at"]


def test_work_goes_through_nbgraders_exchange_and_back(course, tmp_path):
    assert main(["course", "release", str(course), "seeing", "--exchange"]) == 0
    shutil.copy(course / CONFIG, tmp_path)  # as a student has it
    for action in ("fetch_assignment", "submit"):
        subprocess.run(
            [sys.executable, "-m", "nbgrader", action, "seeing"], cwd=tmp_path, check=True
        )
    assert main(["course", "collect", str(course), "seeing"]) == 0
    (collected,) = (course / "submitted").glob("*/seeing/seeing.ipynb")
    released = course / "release" / "seeing" / "seeing.ipynb"
    assert collected.read_bytes() == released.read_bytes()


def test_the_steps_of_the_dockerfile_install_what_is_tested_here():
    lines = [line.split(maxsplit=1) for line in source(f"{KIT}/Dockerfile").splitlines() if line]
    installs = [words for kind, words in lines if kind == "RUN" and words.startswith("pip ")]
    assert len(installs) == 2
    for words in installs:
        # Everything is installed here, by .ci/run: nothing is fetched, and nothing may be missing.
        step = f"{sys.executable} -m {words} --dry-run --no-index"
        done = subprocess.run(step, shell=True, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert "Would install" not in done.stdout and "does not provide" not in done.stderr
    (command,) = (json.loads(words) for kind, words in lines if kind == "CMD")
    env = {
        **os.environ,
        "PATH": f"{os.path.dirname(sys.executable)}{os.pathsep}{os.environ['PATH']}",
    }
    assert subprocess.run([*command, "--version"], env=env).returncode == 0


def test_a_submission_is_graded_again_and_keeps_the_points_given_by_hand(course, rows):
    place = ("silent-mistake", "looking-ahead", "looking-ahead", "mistake-no-end")
    with gradebook_of(course) as gradebook:
        gradebook.find_grade(*place).manual_score = 7
        gradebook.db.commit()
    again = ["course", "grade", str(course), "looking-ahead", "--student", "mistake-no-end"]
    assert main(again) == 0
    assert main(["course", "report", str(course)]) == 0
    with open(course / "reports" / "grades.csv", newline="") as file:
        new = {row["student"]: row for row in csv.DictReader(file)}
    assert float(new["mistake-no-end"]["automatic"]) == FULL - 8 and len(new) == len(rows)
    assert float(new["mistake-no-end"]["by_hand"]) == 7
