"""The tour's page: one HTML file that compares a teacher and its student.

Convention: the page contains all it shows. Arrays are zlib in base64, the rest is JSON. The texts
about the result are written here; the script that draws a figure writes the text beside it.
"""

from pathlib import Path

import numpy as np

from pdlearn import envs, paper
from pdlearn.files import write_bytes
from pdlearn.web import pages
from pdlearn.web.clips import Clip, pack, pack_array

TEMPERATURES = (1.0, 0.1, paper.TEMPERATURE, 0.001)  # from soft to sharp


def write_tour_page(
    path: Path,
    result: dict,
    curve: list[dict],
    clips: list[Clip],
    *,
    moment: int,
    student_values: np.ndarray,
) -> None:
    """Write the page to `path`, atomically.

    `clips` are the teacher's and the student's. `moment` is the teacher's frame whose values the
    temperature figure shows; `student_values` `[A]` are the student's outputs for that state.
    Raises ValueError for anything but two clips, a moment outside the first, or another shape.
    """
    if len(clips) != 2:
        raise ValueError(f"expected two clips, the teacher's and the student's; got {len(clips)}")
    teacher = clips[0]
    if not 0 <= moment < len(teacher.frames):
        raise ValueError(f"expected a moment in 0..{len(teacher.frames) - 1}; got {moment}")
    student_values = np.asarray(student_values)
    if student_values.shape != teacher.values[moment].shape:
        raise ValueError(
            f"expected student values of shape {list(teacher.values[moment].shape)}; "
            f"got {list(student_values.shape)}"
        )
    data = {
        "result": result,
        "curve": curve,
        "clips": [
            pack(clips[0]) | {"kind": "teacher", "outputs": "q"},
            pack(clips[1]) | {"kind": "student", "outputs": "logits"},
        ],
        "moment": moment,
        "observation": pack_array(teacher.observations[moment, -1], "u1"),
        "student_values": student_values.tolist(),
        "temperatures": TEMPERATURES,
        "paper_temperature": paper.TEMPERATURE,
        "steps_per_second": envs.STEPS_PER_SECOND,
        "frames_per_step": envs.FRAMES_PER_STEP,
        "play": _play(result),
        "noop_max": envs.PREPROCESSING["noop_max"],
        "max_episode_frames": envs.MAX_EPISODE_FRAMES,
        "summary": _read_summary(result),
        "reading": _read_table(result),
    }
    write_bytes(path, pages.with_player("tour/page_template.html", data).encode())


def _number(value: float, digits: int = 1) -> str:
    return f"{value:,.{digits}f}".replace("-", "\N{MINUS SIGN}")


def _times(teacher: float, student: float, less: str, more: str) -> str:
    """Return "3 times smaller" where `less` is "smaller" and the ratio 3; likewise with `more`."""
    ratio, word = (teacher / student, less) if teacher >= student else (student / teacher, more)
    text = _number(ratio, 0 if ratio >= 9.95 else 1)
    return f"no {less}" if text == "1.0" else f"{text} times {word}"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    units = ((hours, "h"), (minutes, "min"), (rest, "s"))
    return " ".join(f"{n} {unit}" for n, unit in units if n) or "0 s"


def _play(result: dict) -> str:
    """Return the length of the recorded play, in the game's own time."""
    return _duration(result["states"] / envs.STEPS_PER_SECOND)


def _read_summary(result: dict) -> str:
    teacher, student = result["teacher"], result["student"]
    size = _times(teacher["parameters"], student["parameters"], "smaller", "larger")
    return (
        f"In {_duration(result['seconds'])}, a student {size} than its teacher was trained on "
        f"{_play(result)} of the teacher’s play and evaluated: it scores "
        f"{_number(student['mean'])}, the teacher {_number(teacher['mean'])}."
    )


def _read_table(result: dict) -> str:
    teacher, student = result["teacher"], result["student"]
    size = _times(teacher["parameters"], student["parameters"], "smaller", "larger")
    speed = _times(teacher["milliseconds"], student["milliseconds"], "faster", "slower")
    score = f"{_number(student['mean'])} against {_number(teacher['mean'])}"
    if min(teacher["mean"], student["mean"]) > 0:  # a percentage of or below zero is meaningless
        score += f", {_number(result['student_percent'], 0)} % of the teacher’s score"
    return f"The student is {size} and decides {speed}. It scores {score}; {_compared(result)}."


def _compared(result: dict) -> str:
    teacher, student = result["teacher"], result["student"]
    if teacher["low"] is None or student["low"] is None:
        return f"with {student['episodes']} episodes there is no interval"
    overlap = teacher["low"] <= student["high"] and student["low"] <= teacher["high"]
    return f"the two 95 % intervals {'overlap' if overlap else 'do not overlap'}"
