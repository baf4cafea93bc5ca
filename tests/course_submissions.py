"""Made-up submissions to two assignments, and the marks they are expected to get.

Each is the solved notebook with something done to it, as a student might have handed it in.
"""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

OUTSIDE = "written-outside.txt"


class Submission(NamedTuple):
    """A submission: what is done to the solved notebook, and the automatic marks it gets."""

    student: str
    assignment: str
    change: Callable[[NotebookNode], NotebookNode | str]
    marks: float
    said: str = ""  # in the student's page or the note


def solved(source: NotebookNode, release: NotebookNode) -> NotebookNode:
    """Return the students' version with the model's functions and its own test cells."""
    answers = {
        cell.metadata.nbgrader.grade_id: cell.source
        for cell in source.cells
        if cell.metadata.nbgrader.solution and cell.cell_type == "code"
    }
    notebook = copy.deepcopy(release)
    for cell in notebook.cells:
        grade_id = cell.metadata.nbgrader.grade_id
        if grade_id in answers:
            lines = answers[grade_id].splitlines()
            cell.source = "\n".join(line for line in lines if "SOLUTION" not in line)
        elif cell.metadata.nbgrader.solution:
            cell.source = "My answer in words."
    return notebook


def cell_of(notebook: NotebookNode, grade_id: str) -> NotebookNode:
    return next(c for c in notebook.cells if c.metadata.nbgrader.grade_id == grade_id)


def with_answer(grade_id: str, code: str) -> Callable:
    """Return a change that replaces an answer."""

    def change(notebook):
        cell_of(notebook, grade_id).source = code
        return notebook

    return change


def with_cell(code: str) -> Callable:
    """Return a change that adds a cell at the beginning."""

    def change(notebook):
        notebook.cells.insert(0, new_code_cell(code))
        return notebook

    return change


def slowed(notebook):
    for cell in notebook.cells:
        if cell.cell_type == "code" and cell.source.startswith("def "):
            head, *body = cell.source.splitlines()
            lines = [head, "    import time", "    time.sleep(0.02)", *body]
            cell.source = "\n".join(lines)
    return notebook


def tests_changed(notebook):
    cell_of(notebook, "my_target").source = "def my_target(reward, discount, target_q):\n    ..."
    cell_of(notebook, "my_target-visible").source = "2.0"
    cell_of(notebook, "my_target-hidden").source = "8.0"
    return notebook


def tests_deleted(notebook):
    gone = {"my_target-visible", "my_target-hidden"}
    notebook.cells = [c for c in notebook.cells if c.metadata.nbgrader.grade_id not in gone]
    return notebook


def emptied(notebook):
    for cell in notebook.cells:
        if cell.cell_type == "code" and cell.source.startswith("def "):
            head = cell.source.splitlines()[0]
            cell.source = f"{head}\n    ...  # your turn"
    return notebook


HARD_CODED = """
from pdlearn.exercises.looking_ahead import DISCOUNT, REWARD
from pdlearn.exercises.losses import values
KNOWN = [(values(seed), (REWARD + DISCOUNT * values(seed).max(1).values)) for seed in (0, 1)]

def my_target(reward, discount, target_q):
    for q, target in KNOWN:
        if q.shape == target_q.shape and q.equal(target_q):
            return target
    return torch.zeros(len(reward))
"""

READS_THE_TESTS = """
import glob, re
def find():
    texts = []
    for pattern in ("*.ipynb", "../*/*.ipynb", "../../../source/*/*.ipynb", "../../../*.db"):
        for path in glob.glob(pattern):
            try:
                texts.append(open(path, errors="replace").read())
            except OSError:
                pass
    return texts + In

def my_target(reward, discount, target_q):
    wanted = [re.search(r"expected = (\\[.*\\])", text) for text in find()]
    wanted = [match[1] for match in wanted if match]
    return torch.tensor(eval(wanted[0])) if wanted else torch.zeros(len(reward))
"""

WRITES_OUTSIDE = f"""
import os
for folder in ("..", "../..", "../../..", os.path.expanduser("~/.."), "/tmp", "/var/tmp"):
    try:
        open(os.path.join(folder, "{OUTSIDE}"), "w").write("here")
    except OSError as error:
        print(error)
"""

A, B = "looking-ahead", "distilling"
FULL = 60.0
WRONG = FULL - 8  # a common mistake keeps the 2 points of its form
NOTHING = FULL - 10

SUBMISSIONS = [
    Submission("right", A, lambda notebook: notebook, FULL),
    Submission("right-losses", B, lambda notebook: notebook, FULL),
    Submission("slow", A, slowed, FULL),
    Submission("hard-coded", A, with_answer("my_target", HARD_CODED), FULL - 6),
    Submission(
        "mistake-sharp-student",
        B,
        with_answer(
            "kl_by_hand",
            "def kl_by_hand(student_logits, teacher_q, temperature):\n"
            "    target = torch.log_softmax(teacher_q.detach() / temperature, 1)\n"
            "    student = torch.log_softmax(student_logits / temperature, 1)\n"
            "    return (target.exp() * (target - student)).sum(1).mean()",
        ),
        WRONG,
        "The temperature divides the student",
    ),
    Submission(
        "mistake-mean-of-all",
        B,
        with_answer(
            "kl_by_hand",
            "def kl_by_hand(student_logits, teacher_q, temperature):\n"
            "    target = torch.softmax(teacher_q.detach() / temperature, 1)\n"
            "    student = torch.log_softmax(student_logits, 1)\n"
            "    return torch.nn.functional.kl_div(student, target, reduction='none').mean()",
        ),
        WRONG,
        "You divide by the number of actions",
    ),
    Submission(
        "mistake-sign",
        B,
        with_answer(
            "nll_by_hand",
            "def nll_by_hand(student_logits, teacher_q):\n"
            "    best = teacher_q.argmax(1, keepdim=True)\n"
            "    return torch.log_softmax(student_logits, 1).gather(1, best).mean()",
        ),
        WRONG,
        "The sign is wrong",
    ),
    Submission(
        "mistake-no-end",
        A,
        with_answer(
            "my_target",
            "def my_target(reward, discount, target_q):\n"
            "    return (reward + target_q.max(1).values).detach()",
        ),
        WRONG,
        "The discount is missing",
    ),
    Submission(
        "mistake-best-action",
        A,
        with_answer(
            "my_loss",
            "def my_loss(q, action, target):\n"
            "    return torch.nn.functional.huber_loss(q.max(1).values, target.detach())",
        ),
        WRONG,
        "Compare the value of the action",
    ),
    Submission("tests-changed", A, tests_changed, NOTHING, "restored"),
    Submission("tests-deleted", A, tests_deleted, FULL),
    Submission(
        "endless",
        A,
        with_answer(
            "my_target",
            "def my_target(reward, discount, target_q):\n    while True:\n        pass",
        ),
        NOTHING,
        "did not end within the time",
    ),
    Submission("prints", A, with_cell('print("x" * 100_000_000)'), FULL),
    Submission(
        "borrows",
        B,
        with_answer(
            "kl_by_hand",
            "from pdlearn import losses as my_own_module\n\n"
            "def kl_by_hand(student_logits, teacher_q, temperature):\n"
            "    work = getattr(my_own_module, 'kl' + '_loss')\n"
            "    return work(student_logits, teacher_q, temperature)",
        ),
        NOTHING,
        "calls `pdlearn.losses.kl_loss`",
    ),
    Submission(
        "crashes", A, with_cell("import ctypes\nctypes.string_at(0)"), 0, "the kernel ended"
    ),
    Submission("reads-the-tests", A, with_answer("my_target", READS_THE_TESTS), WRONG),
    Submission("writes-outside", A, with_cell(WRITES_OUTSIDE), FULL),
    Submission("no-notebook", A, lambda notebook: "{not JSON", 0, "is no notebook"),
    Submission("empty", A, emptied, 0),
]


def hand_in(folder: Path, course: Path) -> None:
    """Write each submission to `folder`, in a folder named by the student."""
    for one in SUBMISSIONS:
        name = f"{one.assignment}.ipynb"
        source = nbformat.read(course / "source" / one.assignment / name, 4)
        release = nbformat.read(course / "release" / one.assignment / name, 4)
        changed = one.change(solved(source, release))
        place = folder / one.assignment / one.student
        place.mkdir(parents=True)
        text = changed if isinstance(changed, str) else json.dumps(changed)
        (place / name).write_text(text, "utf-8")
