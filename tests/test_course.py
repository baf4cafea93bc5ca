"""The course kit: sources without leaks, fair marks, files assessed, a confined process."""

import csv
import json
import math
import pickle
import re
import subprocess
import sys
import textwrap
from dataclasses import replace

import nbformat
import numpy as np
import pytest
import torch

import pdlearn
from pdlearn import losses, zoo
from pdlearn.cli import main
from pdlearn.course import artefacts, marking, quiz, scales
from pdlearn.course.artefacts import Assessment, assess, report_note, shipped_original
from pdlearn.course.assignments import ASSIGNMENTS, BY_NAME, SMALL, TEACHER
from pdlearn.course.handouts import write_handouts
from pdlearn.course.hidden import HIDDEN
from pdlearn.course.marking import Part, hidden_parts, require, visible_part
from pdlearn.course.notebooks import IMPORTS, Lesson, source_notebook
from pdlearn.course.notes import Note, assessment_of, known_of, read_notes, write_notes
from pdlearn.course.otter import otter_notebook
from pdlearn.course.pages import pages
from pdlearn.course.parts import Exercise, Written
from pdlearn.exercises.losses import ADDED
from pdlearn.lessons.places import CLONE, folder
from pdlearn.rows import read_rows

EXERCISES = [part for one in ASSIGNMENTS for part in one.parts if isinstance(part, Exercise)]
each_exercise = pytest.mark.parametrize("exercise", EXERCISES, ids=lambda e: e.check)


def total(parts: list[Part]) -> float:
    return round(sum(part.points for part in parts), 6)


def solution(exercise: Exercise):
    """Return the lesson's own solution as a function."""
    _, name, code = Lesson(exercise.lesson).function(exercise.check)
    space: dict = {}
    exec(f"{IMPORTS}\n{code}", space)
    return space[name]


# --- marks ---


@each_exercise
def test_the_lessons_solution_gets_all_points_whatever_is_drawn(exercise):
    entry, function = HIDDEN[exercise.check], solution(exercise)
    assert visible_part(entry, function, 2).points == 2
    for seed in range(3):
        assert total(hidden_parts(entry, function, 8, seed)) == 8


@each_exercise
def test_a_common_mistake_gets_the_points_of_its_form_at_most_and_its_hint(exercise):
    entry = HIDDEN[exercise.check]
    for mistake in entry.mistakes:
        # A mistake's own code is the package's: only what it computes is looked at here.
        open_entry = entry._replace(provided=Everything())
        parts = hidden_parts(open_entry, mistake.function, 8, 5)
        # A number added before a logarithm is wrong only where the student is very wrong.
        assert total(parts) <= (6 if mistake.hint == ADDED else 3)
        assert mistake.hint in {part.text for part in parts}


class Everything(tuple):
    """Names of functions that an answer may call: all of them."""

    def __contains__(self, name):
        return True


@each_exercise
@pytest.mark.parametrize("nothing", [None, ..., 3, lambda *a: None, lambda *a: 1 / 0])
def test_an_answer_that_is_none_gets_no_points(exercise, nothing):
    entry = HIDDEN[exercise.check]
    assert visible_part(entry, nothing, 2).points == 0
    assert total(hidden_parts(entry, nothing, 8, 0)) == 0


def test_hidden_inputs_are_others_than_the_visible_ones():
    kl, seen = HIDDEN["check_kl_loss"], []

    def remembers(*arguments):
        seen.append(arguments[0].detach().clone())
        return losses.kl_loss(*arguments)

    kl.check(remembers)
    visible = len(seen)
    for seed in (1, 2):
        kl.compare(remembers, kl.draw(np.random.default_rng(seed)))
    tensors = [given.numpy().tobytes() for given in seen]
    assert not set(tensors[:visible]) & set(tensors[visible:])
    assert len(set(tensors[visible:])) == len(tensors[visible:])


def through_a_name(*arguments):
    return getattr(losses, "kl" + "_loss")(*arguments)


@pytest.mark.parametrize("borrowed", [losses.kl_loss, through_a_name])
def test_an_answer_that_calls_the_package_gets_nothing_and_a_sentence(borrowed):
    entry = HIDDEN["check_kl_loss"]
    parts = [visible_part(entry, borrowed, 2), *hidden_parts(entry, borrowed, 8, 0)]
    assert total(parts) == 0
    assert all("calls `pdlearn.losses.kl_loss`" in part.text for part in parts)


def test_right_values_that_overflow_or_leak_a_gradient_lose_the_points_of_rigour():
    def naive(student, q, t):
        target = torch.softmax(q.detach() / t, 1)
        return (target * (target.log() - torch.softmax(student, 1).log())).sum(1).mean()

    def leaks(student, q, t):
        target = torch.log_softmax(q / t, 1)
        return (target.exp() * (target - torch.log_softmax(student, 1))).sum(1).mean()

    for wrong in (naive, leaks):
        parts = {
            part.name: part.points for part in hidden_parts(HIDDEN["check_kl_loss"], wrong, 8, 3)
        }
        assert parts == {"form": 2, "values": 4, "rigour": 0}


# --- the sources ---


def test_every_exercise_has_hidden_inputs_and_is_set_once():
    checks = [exercise.check for exercise in EXERCISES]
    assert sorted(checks) == sorted(HIDDEN)


@pytest.mark.parametrize("one", ASSIGNMENTS, ids=lambda one: one.name)
def test_a_source_has_each_grade_id_once_and_the_points_of_its_assignment(one):
    cells = [cell.metadata.nbgrader for cell in source_notebook(one).cells]
    ids = [cell.grade_id for cell in cells]
    assert len(set(ids)) == len(ids)
    assert sum(cell.points for cell in cells if cell.grade) == pytest.approx(one.points)


@pytest.mark.parametrize("one", ASSIGNMENTS, ids=lambda one: one.name)
def test_a_solution_stands_between_marks_and_nowhere_else(one):
    for cell in source_notebook(one).cells:
        meta = cell.metadata.nbgrader
        marked = "### BEGIN SOLUTION" in cell.source
        assert marked == (meta.solution and cell.cell_type == "code")
        if meta.grade_id.endswith("-hidden"):
            outside, inside = cell.source.split("### BEGIN HIDDEN TESTS")
            assert "marking.hidden(" in inside and "marking" not in outside


def test_written_questions_have_a_rubric_and_a_model_answer():
    for one in ASSIGNMENTS:
        written = [part for part in one.parts if isinstance(part, Written)]
        assert written
        for question in written:
            assert question.points == sum(points for points, _ in question.rubric) >= 10
            assert len(question.answer) > 80


def test_lessons_given_out_in_a_course_show_no_solution(tmp_path):
    written = write_handouts(tmp_path / "lessons")
    texts = {p.name: p.read_text("utf-8") for p in written if p.suffix == ".ipynb"}
    assert len(texts) == 12 and (tmp_path / "lessons" / "glossary.md").exists()
    shown = {
        name for text in texts.values() for name in re.findall(r"\.\./(images/\w+\.svg)", text)
    }
    assert shown and all((tmp_path / "lessons" / name).exists() for name in shown)
    for text in texts.values():
        assert "<summary>Solution" not in text and "folded below" not in text
        assert "](../0" not in text and "](../1" not in text  # the lessons that show it
    for exercise in EXERCISES:
        _, _, code = Lesson(exercise.lesson).function(exercise.check)
        body = textwrap.dedent(re.search(r"BEGIN SOLUTION\n(.*)\n *###", code, re.S)[1])
        (given,) = (text for name, text in texts.items() if name.startswith(exercise.lesson))
        assert json.dumps(body)[1:-1] not in given


def test_what_was_measured_is_of_the_assignments_and_fits_in_2_gb():
    rows = read_rows(folder("docs/results") / "course.csv")
    names = [one.name for one in ASSIGNMENTS if one.name in {row["assignment"] for row in rows}]
    assert [(row["assignment"], row["what"]) for row in rows] == [
        (name, what) for name in names for what in ("notebook", "grading")
    ]
    for row in rows:
        assert 0 < float(row["processor_seconds"]) < 240
        assert 100 < int(row["memory_mb"]) < 2_000  # the page says that 2 GB are enough


def test_a_test_for_otter_is_silent_when_it_passes_and_raises_a_sentence_when_not(capsys):
    require("check_kl_loss", solution(Exercise("05", "check_kl_loss")), "values")
    assert capsys.readouterr().out == ""
    with pytest.raises(AssertionError, match="calls `pdlearn.losses.kl_loss`"):
        require("check_kl_loss", losses.kl_loss, "visible")


def test_the_sentence_of_a_mark_is_wrapped_for_formgrader(monkeypatch):
    shown = []
    monkeypatch.setattr(marking, "display", lambda data, raw: shown.append(data["text/plain"]))
    marking.visible("check_kl_loss", losses.kl_loss, 2)
    lines = shown[0].splitlines()
    assert len(lines) > 1 and max(map(len, lines)) <= 88


def test_a_course_is_written_to_an_empty_folder_alone(tmp_path, capsys):
    (tmp_path / "kept.txt").write_text("mine")
    assert main(["course", "init", str(tmp_path)]) == 2
    assert "is not empty" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["release", "{folder}"], "is no course"),
        (["grade", "{folder}"], "grade needs an assignment"),
        (["collect", "{folder}", "losing"], "no assignment 'losing'"),
        (["report", "{folder}"], "is no course"),
    ],
)
def test_a_wrong_command_is_answered_with_one_line(arguments, said, tmp_path, capsys):
    words = [word.format(folder=tmp_path) for word in arguments]
    assert main(["course", *words]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("name", pages())
def test_a_page_on_the_course_is_built_from_its_source(name):
    assert (CLONE / "docs" / name).read_text("utf-8") == pages()[name]


def test_the_notes_have_what_goes_wrong_questions_and_variations_for_each_lesson():
    notes = pages()["instructor-notes.md"].split("\n## ")[1:]
    assert [note[:2] for note in notes] == [f"{n:02d}" for n in range(12)]
    for note in notes:
        assert all(f"**{part}.**" in note for part in ("What goes wrong", "Discuss", "Vary"))


# --- agents handed in ---


def agent_of(seed, game="pong", size="net5"):
    network = pdlearn.QNetwork(6, size, generator=torch.Generator().manual_seed(seed))
    shipped = zoo.load("pong/net3")
    card = {key: shipped.card[key] for key in ("observation_shape", "preprocessing")}
    card |= {"size": size, "games": {game: shipped.actions}, "made": {"by": "dqn"}}
    return pdlearn.Agent(network, card)


@pytest.fixture
def handed_in(tmp_path):
    return tmp_path / "agent.safetensors"


SHORT = replace(SMALL.artefact, episodes=2)


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(artefacts, "LONGEST_STEPS", 5)


def test_an_agent_of_ones_own_is_evaluated(handed_in, quick):
    pdlearn.save_agent(handed_in, agent_of(0))
    assessed = assess(handed_in, SHORT)
    assert assessed.game == "pong" and 0 < assessed.parameters < 6_000
    assert assessed.points == scales.score_points(SHORT, scales.way_of("pong", 0), 5_000) > 0
    assert assessed.mean == 0 and "over 2 episodes" in assessed.note


def noisy(weight):
    noise = torch.randn(weight.shape, generator=torch.Generator().manual_seed(0))
    return weight + 0.02 * weight.std() * noise


@pytest.mark.parametrize("change", [noisy, lambda weight: 1.5 * weight], ids=["noise", "scale"])
def test_a_shipped_agent_is_recognised_under_another_card_and_changed_a_little(handed_in, change):
    shipped = zoo.load("pong/net3")
    with torch.no_grad():
        for weight in shipped.network.parameters():
            weight.copy_(change(weight))
    card = {**shipped.card, "made": {"by": "dqn", "hardware": "mine"}}
    pdlearn.save_agent(handed_in, pdlearn.Agent(shipped.network, card))
    assessed = assess(handed_in, SHORT)
    assert assessed.points == 0 and assessed.note == "has the weights of the shipped pong/net3"


def test_two_trainings_are_no_copies_of_each_other():
    assert shipped_original(agent_of(1, size="net3")) is None


def test_damage_other_formats_and_other_games_are_told(handed_in):
    pdlearn.save_agent(handed_in, agent_of(0))
    whole = handed_in.read_bytes()
    handed_in.write_bytes(whole[:-100])
    assert "not a whole safetensors file" in assess(handed_in, SHORT).note
    handed_in.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    assert "damaged" in assess(handed_in, SHORT).note
    pdlearn.save_agent(handed_in, agent_of(0, size="teacher"))
    assert "expected at most 430,000" in assess(handed_in, SHORT).note
    pdlearn.save_agent(handed_in, agent_of(0))
    assert "expected pdlearn/Catch-v0" in assess(handed_in, TEACHER.artefact).note
    handed_in.unlink()
    assert "no file" in assess(handed_in, SHORT).note


class Harm:
    def __reduce__(self):
        return (open, ("harm-was-done.txt", "w"))


def test_a_pickle_is_refused_and_never_loaded(handed_in, monkeypatch):
    monkeypatch.chdir(handed_in.parent)
    for make in (pickle.dumps, torch_bytes):
        handed_in.write_bytes(make(Harm()))
        assert "not a whole safetensors file" in assess(handed_in, SHORT).note
    assert not (handed_in.parent / "harm-was-done.txt").exists()


def torch_bytes(thing) -> bytes:
    import io

    buffer = io.BytesIO()
    torch.save(thing, buffer)
    return buffer.getvalue()


def test_every_game_of_an_artefact_has_a_way_to_go():
    for one in ASSIGNMENTS:
        for game in one.artefact.games if one.artefact else ():
            random, teacher = scales.ANCHORS[game]
            assert random < teacher


def test_the_scale_rewards_score_and_smallness():
    artefact = SMALL.artefact
    by_way = [scales.score_points(artefact, way, 5_000) for way in (0.95, 0.8, 0.6, 0.3, 0.2, 0.0)]
    assert by_way == sorted(by_way, reverse=True) and by_way[-1] == 0
    by_size = [scales.score_points(artefact, 0.95, n) for n in (5_000, 15_000, 61_000, 10**6)]
    assert by_size == sorted(by_size, reverse=True) and by_size[-1] == 0
    assert by_way[0] + scales.report_points(artefact) == artefact.points


@pytest.mark.parametrize(
    ("row", "points", "said"),
    [
        ({"parameters": 100, "mean": 10, "game": "pong", "episodes": 30, "seed": 0}, 4, "agrees"),
        ({"parameters": 101, "mean": 10, "game": "pong", "episodes": 30, "seed": 0}, 0, "another"),
        ({"parameters": 100, "mean": 19, "game": "pong", "episodes": 30, "seed": 0}, 0, "outside"),
        ({"parameters": 100, "mean": 10, "game": "pong", "episodes": 30}, 0, "seed"),
        ({"parameters": "many", "mean": 10}, 0, "has no row"),
    ],
)
def test_a_report_is_held_against_the_agent(row, points, said, tmp_path):
    assessed = artefacts.Assessment("", points=20, parameters=100, mean=9.0, spread=3.0)
    path = tmp_path / "results.csv"
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, row)
        writer.writeheader()
        writer.writerow(row)
    got, note = report_note(path, SMALL.artefact, assessed)
    assert got == points and said in note


# --- confinement ---

linux = pytest.mark.skipif(sys.platform != "linux", reason="namespaces and Landlock are Linux's")

CONFINED = """
import json, os, socket, sys
from pathlib import Path
from pdlearn.course import confinement
held = {"network": confinement.without_network()}
held["limits"] = confinement.limits(20, 3_000_000_000, 10_000)
system = ("/usr", "/lib", "/lib64", "/etc", "/proc", sys.prefix, sys.base_prefix)
held["files"] = confinement.only_files(map(Path, system), [Path("own")])

def fails(what):
    try:
        what()
    except (OSError, MemoryError):
        return True
    return False

port = int(sys.argv[1])
done = {
    "network": fails(lambda: socket.create_connection(("127.0.0.1", port), timeout=2)),
    "files": fails(lambda: open("outside.txt", "w")) and fails(lambda: open("secret.txt")),
    "limits": fails(lambda: bytearray(4_000_000_000)),
}
open("own/inside.txt", "w").write("fine")
print(json.dumps([held, done]))
"""


@linux
def test_a_confined_process_has_no_network_no_other_files_and_a_limit(tmp_path):
    import socket

    (tmp_path / "own").mkdir()
    (tmp_path / "secret.txt").write_text("42")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        out = subprocess.run(
            [sys.executable, "-c", CONFINED, str(port)],
            cwd=tmp_path, capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
    held, done = json.loads(out)
    assert {what: done[what] for what, ok in held.items() if ok} == {
        what: True for what, ok in held.items() if ok
    }
    assert held["limits"] and (tmp_path / "own" / "inside.txt").read_text() == "fine"


# --- the quiz ---

QUESTIONS = quiz.questions()


def test_there_are_sixty_questions_on_all_lessons_each_asked_once():
    assert len(QUESTIONS) >= 60
    assert {question.lesson for question in QUESTIONS} == {f"{n:02d}" for n in range(12)}
    assert len({question.name for question in QUESTIONS}) == len(QUESTIONS)
    for question in QUESTIONS:
        assert len(set(question.answers)) == len(question.answers) in (3, 4)
        assert question.text.endswith(("?", "…")) and len(question.why) > 20


def test_both_files_of_the_quiz_mark_the_same_answers(tmp_path):
    quiz.write_json(tmp_path / "q.json", QUESTIONS)
    quiz.write_gift(tmp_path / "q.gift", QUESTIONS)
    rows = json.loads((tmp_path / "q.json").read_text("utf-8"))
    gift = (tmp_path / "q.gift").read_text("utf-8")
    assert gift.count("\n\t=") == len(rows) == len(QUESTIONS)
    for row, question in zip(rows, QUESTIONS, strict=True):
        assert row["answers"][row["right"]] == question.answers[0]
    places = [row["right"] for row in rows]
    assert max(places.count(place) for place in range(4)) < len(rows) / 2


def test_signs_of_gift_are_escaped(tmp_path):
    asked = quiz.Question("name", "01", "Is {a} = b?", ("~yes", "no:", "#"), "Because ~ is a sign.")
    quiz.write_gift(tmp_path / "q.gift", [asked])
    text = (tmp_path / "q.gift").read_text("utf-8")
    assert "Is \\{a\\} \\= b?" in text and "\t=\\~yes" in text and "\t~no\\:" in text


def test_all_assignments_are_found_by_name():
    assert list(BY_NAME) == [one.name for one in ASSIGNMENTS]
    assert nbformat.validate(source_notebook(ASSIGNMENTS[0])) is None


# --- otter ---


@pytest.mark.parametrize("one", ASSIGNMENTS, ids=lambda one: one.name)
def test_an_otter_source_has_the_same_points_and_hides_the_same_tests(one):
    cells = [cell.source for cell in otter_notebook(one).cells]
    questions = [yaml_number(source) for source in cells if source.startswith("# BEGIN QUESTION")]
    assert sum(questions) == pytest.approx(one.points)
    tests = [source for source in cells if "BEGIN TEST CONFIG" in source]
    exercises = [part for part in one.parts if isinstance(part, Exercise)]
    assert sum("hidden: false" in source for source in tests) == len(exercises)
    assert sum(yaml_number(source) for source in tests) == sum(part.points for part in exercises)
    for source in tests:
        assert ("hidden: false" in source) == ('"visible")' in source)
    for begin in ("SOLUTION", "TESTS", "QUESTION"):
        assert cells.count(f"# END {begin}") >= len(exercises)


def yaml_number(source: str) -> float:
    return float(re.search(r"points: ([\d.]+)", source)[1])


def test_a_note_on_an_agent_that_was_not_played_comes_back(tmp_path):
    assessed = Assessment("damaged")
    note = Note(artefact=known_of(assessed), look_at=["its file"])
    write_notes(tmp_path, TEACHER, {"ada": note})
    assert read_notes(tmp_path, TEACHER) == {"ada": note}
    again = assessment_of(note)
    assert again.note == "damaged" and math.isnan(again.mean)
