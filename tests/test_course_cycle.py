"""A whole course, from `init` to the report, with made-up submissions and their expected marks.

Runs nbgrader; its own step: `pytest -m course tests/test_course_cycle.py`.
"""

import csv
import json
import re

import nbformat
import pytest
from course_submissions import FULL, OUTSIDE, SUBMISSIONS, hand_in

from pdlearn import QNetwork, zoo
from pdlearn.checkpoints import Agent, save_agent
from pdlearn.cli import main
from pdlearn.course.handing import gradebook_of

pytestmark = pytest.mark.course
NAMES = sorted({one.assignment for one in SUBMISSIONS})
each_submission = pytest.mark.parametrize("one", SUBMISSIONS, ids=lambda one: one.student)


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """Return the folder of a course that was set, collected, graded and reported."""
    pytest.importorskip("nbgrader")
    place = tmp_path_factory.mktemp("instructor")
    folder, handed_in = place / "course", place / "handed-in"
    assert main(["course", "init", str(folder)]) == 0
    assert main(["course", "release", str(folder)]) == 0
    hand_in(handed_in, folder)
    card = {**zoo.load("pong/net3").card, "size": "net5", "made": {"by": "dqn"}}
    untrained = Agent(QNetwork(6, "net5"), card)
    save_agent(handed_in / "distilling" / "right-losses" / "agent.safetensors", untrained)
    for name in NAMES:
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
