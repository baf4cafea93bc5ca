"""The quiz: multiple-choice questions in one file, also as GIFT for Moodle.

Each question of `kit/quiz.json` has a lesson, a text, answers (the first is right) and a sentence
that explains it. Files for students' systems have the answers in an order drawn from the question.
"""

import json
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from pdlearn.files import write_bytes
from pdlearn.web.pages import source

SPECIAL = "~=#{}:"  # characters with a meaning in GIFT


class Question(NamedTuple):
    """A question; `answers[0]` is the right one."""

    name: str
    lesson: str
    text: str
    answers: tuple[str, ...]
    why: str


def questions() -> list[Question]:
    """Return all questions, in the order of the lessons."""
    rows = json.loads(source("course/kit/quiz.json"))
    return [
        Question(row["name"], row["lesson"], row["text"], tuple(row["answers"]), row["why"])
        for row in rows
    ]


def shuffled(question: Question) -> list[str]:
    """Return the answers in an order that depends on the question alone."""
    return sorted(
        question.answers, key=lambda answer: zlib.crc32(f"{question.name}/{answer}".encode())
    )


def write_json(path: Path, asked: Sequence[Question]) -> None:
    """Write the questions with their answers in the order to show, and which is right."""
    rows = []
    for question in asked:
        answers = shuffled(question)
        rows.append(
            {
                "name": question.name,
                "lesson": question.lesson,
                "text": question.text,
                "answers": answers,
                "right": answers.index(question.answers[0]),
                "why": question.why,
            }
        )
    write_bytes(path, (json.dumps(rows, indent=1, ensure_ascii=False) + "\n").encode())


def write_gift(path: Path, asked: Sequence[Question]) -> None:
    """Write the questions in GIFT, a text format that Moodle imports."""
    blocks = []
    for question in asked:
        marks = {question.answers[0]: "="}
        lines = [f"\t{marks.get(answer, '~')}{_gift(answer)}" for answer in shuffled(question)]
        blocks.append(
            f"$CATEGORY: pdlearn/lesson {question.lesson}\n\n"
            f"::{question.name}::{_gift(question.text)}{{\n"
            + "\n".join(lines)
            + f"\n\t####{_gift(question.why)}\n}}"
        )
    write_bytes(path, ("\n\n".join(blocks) + "\n").encode())


def _gift(text: str) -> str:
    return "".join(f"\\{sign}" if sign in SPECIAL else sign for sign in text)
