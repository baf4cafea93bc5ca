"""The tour's page: whole, self-contained, exact, and alive in a browser."""

import json
import os
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from shown import decode

from pdlearn.tour.page import write_tour_page
from pdlearn.web.clips import Clip

ACTIONS = ("NOOP", "UP", "DOWN")
MOMENT = 5
STUDENT_VALUES = np.array([0.5, 2.0, -1.0], np.float32)
HOSTILE = '</script><script>window.hacked = 1</script><!--<script><img src=x> & "\\ /*DATA*/'


def make_clip(name: str, seed: int, length: int = 45) -> Clip:
    rng = np.random.default_rng(seed)
    values = rng.normal(0.3, 0.05, (length, len(ACTIONS))).astype(np.float32)
    return Clip(
        name=name,
        action_names=ACTIONS,
        frames=rng.integers(0, 4, (length, 21, 16), dtype=np.uint8),
        palette=rng.integers(0, 256, (4, 3), dtype=np.uint8),
        actions=values.argmax(1),
        values=values,
        scores=np.arange(length, dtype=np.float32) // 10,
        observations=rng.integers(0, 256, (length, 4, 84, 84), dtype=np.uint8),
    )


def make_result(**changes) -> dict:
    teacher = {
        "name": "teacher", "mean": 19.0, "low": 18.0, "high": 20.0, "episodes": 30,
        "parameters": 1_687_206, "kilobytes": 3376.0, "milliseconds": 1.2,
    }  # fmt: skip
    student = {
        "name": "net3", "mean": 17.1, "low": 16.0, "high": 18.5, "episodes": 30,
        "parameters": 62_342, "kilobytes": 126.0, "milliseconds": 0.3,
    }  # fmt: skip
    result = {
        "game": "pong", "title": "Pong", "seconds": 271.4, "teacher": teacher, "student": student,
        "student_percent": 90.0, "epsilon": 0.05, "states": 108_000,
        "updates": 10_000, "temperature": 0.01, "loss": "kl", "hardware": "two cores",
        "versions": {"torch": "2"}, "seed": 0,
    }  # fmt: skip
    return result | changes


def make_curve() -> list[dict]:
    return [
        {"updates": 100, "loss": 1.5, "agreement": 0.4},
        {"updates": 200, "loss": 0.5, "agreement": 0.7, "score": float("nan")},
        {"updates": 300, "loss": 0.05, "agreement": 0.9, "score": 12.0},
    ]


def make_page(folder, *, result=None, curve=None, clips=None, moment=MOMENT, values=STUDENT_VALUES):
    path = folder / "report.html"
    write_tour_page(
        path,
        make_result() if result is None else result,
        make_curve() if curve is None else curve,
        [make_clip("teacher", 0), make_clip("net3", 1, 30)] if clips is None else clips,
        moment=moment,
        student_values=values,
    )
    return path


class Scripts(HTMLParser):
    """Collect the page's scripts as a browser's parser delimits them, and all attributes."""

    def __init__(self, page: str):
        super().__init__()
        self.scripts, self.attributes, self.inside = [], [], False
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.attributes += attrs
        self.inside = tag == "script"
        if self.inside:
            self.scripts.append("")

    def handle_endtag(self, tag):
        self.inside = self.inside and tag != "script"

    def handle_data(self, data):
        if self.inside:
            self.scripts[-1] += data


def data_of(page: str) -> dict:
    return json.loads(re.search(r"^const data = (.*);$", page, re.MULTILINE).group(1))


def test_the_page_is_one_file_that_refers_to_nothing_outside_itself(tmp_path):
    page = make_page(tmp_path).read_text("utf-8")
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
    assert not re.search(r"https?://|url\(|@import|\bfetch\(|\bimport\b|XMLHttpRequest", page)
    links = [value for name, value in Scripts(page).attributes if name in ("src", "href")]
    assert all(value.startswith("data:") for value in links)
    assert "default-src 'none'" in page


def test_the_embedded_arrays_decode_to_the_clips_exactly(tmp_path):
    clips = [make_clip("teacher", 0), make_clip("net3", 1, 30)]
    data = data_of(make_page(tmp_path, clips=clips).read_text("utf-8"))
    for clip, packed in zip(clips, data["clips"], strict=True):
        assert packed["action_names"] == list(ACTIONS)
        for name in ("frames", "palette", "actions", "values", "scores"):
            np.testing.assert_array_equal(decode(packed[name]), getattr(clip, name), name)
    observation = clips[0].observations[MOMENT, -1]
    np.testing.assert_array_equal(decode(data["observation"]), observation)
    assert data["student_values"] == STUDENT_VALUES.tolist()


def test_hostile_text_cannot_break_out_of_the_script(tmp_path):
    clips = [
        replace(make_clip(HOSTILE, 0), action_names=(HOSTILE, "UP", "DOWN")),
        make_clip("b", 1),
    ]
    result = make_result(title=HOSTILE, hardware=HOSTILE, versions={HOSTILE: HOSTILE})
    page = make_page(tmp_path, result=result, clips=clips).read_text("utf-8")
    assert len(Scripts(page).scripts) == 1
    assert page.count("<script") == 1 and page.count("</script") == 1
    data = data_of(page)
    assert data["result"] == result
    assert data["clips"][0]["name"] == HOSTILE


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"clips": [make_clip("teacher", 0)]}, "two clips.*got 1"),
        ({"clips": [make_clip(str(i), i) for i in range(3)]}, "two clips.*got 3"),
        ({"moment": -1}, r"0\.\.44; got -1"),
        ({"moment": 45}, r"0\.\.44; got 45"),
        ({"values": np.zeros(4)}, r"\[3\]; got \[4\]"),
    ],
)
def test_wrong_input_is_refused_and_nothing_is_written(tmp_path, wrong, message):
    with pytest.raises(ValueError, match=message):
        make_page(tmp_path, **wrong)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("teacher", "student", "said"),
    [
        (1_687_206, 62_342, "27 times smaller"),
        (1_000, 400, "2.5 times smaller"),
        (9_960, 1_000, "10 times smaller"),
        (1_000, 1_000, "no smaller"),
        (400, 1_000, "2.5 times larger"),
    ],
)
def test_the_shrinking_factor_derives_from_the_parameters(tmp_path, teacher, student, said):
    result = make_result()
    result["teacher"]["parameters"] = teacher
    result["student"]["parameters"] = student
    data = data_of(make_page(tmp_path, result=result).read_text("utf-8"))
    assert f"a student {said} than its teacher" in data["summary"]
    assert f"The student is {said} and decides 4.0 times faster." in data["reading"]


def test_the_table_is_read_with_percent_and_overlap_computed(tmp_path):
    data = data_of(make_page(tmp_path).read_text("utf-8"))
    assert "17.1 against 19.0, 90 % of the teacher’s score" in data["reading"]
    assert data["reading"].endswith("the two 95 % intervals overlap.")
    apart = make_result()
    apart["student"]["high"] = 17.9
    data = data_of(make_page(tmp_path, result=apart).read_text("utf-8"))
    assert data["reading"].endswith("the two 95 % intervals do not overlap.")


@pytest.mark.parametrize(
    ("who", "said"),
    [("teacher", "17.1 against −20.0; the"), ("student", "−20.0 against 19.0; the")],
)
def test_no_percentage_of_a_score_below_zero_is_told(tmp_path, who, said):
    result = make_result(student_percent=102.0)
    result[who]["mean"] = -20.0
    data = data_of(make_page(tmp_path, result=result).read_text("utf-8"))
    assert said in data["reading"]


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (271.4, "In 4 min 31 s, a student"),
        (0.2, "In 0 s, a student"),
        (3_600, "In 1 h, a student"),
        (3_659.8, "In 1 h 1 min, a student"),
    ],
)
def test_durations_are_told_in_whole_units(tmp_path, seconds, said):
    result = make_result(seconds=seconds)
    summary = data_of(make_page(tmp_path, result=result).read_text("utf-8"))["summary"]
    assert summary.startswith(said)


@pytest.mark.parametrize(
    ("states", "said"), [(1_000, "1 min 7 s"), (54_000, "1 h"), (108_000, "2 h")]
)
def test_the_recorded_play_is_as_long_as_its_states_last(tmp_path, states, said):
    data = data_of(make_page(tmp_path, result=make_result(states=states)).read_text("utf-8"))
    assert f"was trained on {said} of the teacher’s play" in data["summary"]
    assert data["play"] == said


def test_a_score_of_few_episodes_has_no_interval(tmp_path):
    result = make_result()
    for agent in ("teacher", "student"):
        result[agent] |= {"low": None, "high": None, "episodes": 2}
    data = data_of(make_page(tmp_path, result=result).read_text("utf-8"))
    assert data["reading"].endswith("with 2 episodes there is no interval.")


def test_missing_scores_become_null(tmp_path):
    curve = data_of(make_page(tmp_path).read_text("utf-8"))["curve"]
    assert [row.get("score", "absent") for row in curve] == ["absent", None, 12.0]


def test_a_failed_write_leaves_the_old_page_whole(tmp_path, monkeypatch):
    path = make_page(tmp_path)
    before = path.read_bytes()

    def fail(*_):
        raise OSError("no space left")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="no space"):
        make_page(tmp_path, result=make_result(title="Breakout"))
    assert path.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


@pytest.fixture
def visit(visit):
    """Return a function that opens a report and waits until it is drawn."""

    def visit_report(path, **settings):
        page = visit(path.as_uri(), **settings)
        page.wait_for_selector("#student-bars .value", state="attached")
        return page

    return visit_report


SCREENS = "() => [...document.querySelectorAll('.agent canvas')].map((c) => c.toDataURL())"
SLIDE = """([id, value]) => {
  const slider = document.querySelector(id);
  slider.value = value;
  slider.dispatchEvent(new Event("input"));
}"""


@pytest.mark.browser
def test_both_games_move_while_playing_and_stand_when_paused(tmp_path, visit):
    page = visit(make_page(tmp_path))
    page.locator("#player").scroll_into_view_if_needed()
    before = page.evaluate(SCREENS)
    page.wait_for_function(
        f"(before) => ({SCREENS})().every((url, i) => url !== before[i])", arg=before
    )
    page.get_by_role("button", name="Pause").click()
    paused = page.evaluate(SCREENS)
    page.wait_for_timeout(300)
    assert page.evaluate(SCREENS) == paused


@pytest.mark.browser
def test_nothing_plays_by_itself_where_motion_is_unwelcome(tmp_path, visit):
    page = visit(make_page(tmp_path), reduced_motion="reduce")
    page.locator("#player").scroll_into_view_if_needed()
    before = page.evaluate(SCREENS)
    page.wait_for_timeout(300)
    assert page.evaluate(SCREENS) == before
    page.get_by_role("button", name="Play").press("Enter")
    page.wait_for_function(f"(before) => ({SCREENS})()[0] !== before[0]", arg=before)


@pytest.mark.browser
def test_the_scrubber_shows_the_frame_it_points_at(tmp_path, visit):
    clips = [make_clip("teacher", 0), make_clip("net3", 1, 30)]
    page = visit(make_page(tmp_path, clips=clips), reduced_motion="reduce")
    page.evaluate(SLIDE, [".scrubber", 40])
    for clip, screen in zip(clips, page.locator(".agent canvas").all(), strict=True):
        frame = min(40, len(clip.frames) - 1)  # a game that has ended stays on its last picture
        pixels = screen.evaluate(
            "(c) => [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data]"
        )
        shown = np.array(pixels).reshape(21, 16, 4)[..., :3]
        np.testing.assert_array_equal(shown, clip.palette[clip.frames[frame]])
    assert page.locator(".agent .score").all_inner_texts() == ["4", "2"]
    chosen = page.locator(".agent .chosen .label").all_inner_texts()
    assert chosen == [ACTIONS[clips[0].actions[40]], ACTIONS[clips[1].actions[29]]]
    page.locator(".scrubber").press("ArrowRight")
    assert page.locator(".scrubber").input_value() == "41"


@pytest.mark.browser
def test_the_temperature_slider_moves_the_bars_to_the_softmax(tmp_path, visit):
    clips = [make_clip("teacher", 0), make_clip("net3", 1)]
    page = visit(make_page(tmp_path, clips=clips), reduced_motion="reduce")
    values = clips[0].values[MOMENT].astype(float)
    for position in (0, 1.5, 2):
        page.evaluate(SLIDE, ["#tau", position])
        weights = np.exp((values - values.max()) * 10**position)
        widths = page.locator("#target-bars .fill").evaluate_all(
            "(fills) => fills.map((fill) => parseFloat(fill.style.width))"
        )
        np.testing.assert_allclose(widths, 100 * weights / weights.sum(), atol=0.01)
    target = weights / weights.sum()
    log_student = STUDENT_VALUES - np.log(np.exp(STUDENT_VALUES).sum())
    divergence = (target * (np.log(target) - log_student)).sum()
    told = re.search(r"at temperature 0\.01: ([\d.]+)\.", page.locator("#tau-reading").inner_text())
    assert float(told.group(1)) == pytest.approx(divergence, rel=1e-2)


@pytest.mark.browser
@pytest.mark.parametrize("width", [400, 1200])
def test_the_page_says_what_the_data_says_and_fits_its_window(tmp_path, visit, width):
    page = visit(make_page(tmp_path), viewport={"width": width, "height": 900})
    assert page.title() == "Pong, distilled"
    assert "27 times smaller" in page.locator("#summary").inner_text()
    assert page.evaluate("document.documentElement.scrollWidth") == width
    curve = page.locator("#curve-reading").inner_text()
    assert "from 40.0\u00a0% to 90.0\u00a0%" in curve
    assert "from 1.5 to 0.05" in curve


@pytest.mark.browser
def test_hostile_text_is_shown_as_text(tmp_path, visit):
    result = make_result(title=HOSTILE, hardware=HOSTILE)
    page = visit(make_page(tmp_path, result=result))
    assert page.title().startswith("</script>")
    assert page.evaluate("window.hacked") is None
    assert HOSTILE in page.locator("#how").text_content()
    assert page.locator("img").count() == 0


@pytest.mark.browser
def test_a_tour_with_little_to_show_still_makes_a_page(tmp_path, visit):
    rows = [[], [{"updates": 50, "loss": 1.0, "agreement": 0.5}]]
    for curve, told in zip(rows, ("No learning curve was recorded.", "update 50"), strict=True):
        result = make_result()
        result["teacher"]["mean"] = -20.0
        path = make_page(
            tmp_path, result=result, curve=curve,
            clips=[make_clip("teacher", 0, 1), make_clip("net3", 1, 1)], moment=0,
        )  # fmt: skip
        page = visit(path)
        assert told in page.locator("#curve-reading").inner_text()
        assert page.locator("#failure").is_hidden()
