"""Widgets without a browser: what they hold, what stands for them, what they refuse."""

import re
from contextlib import closing

import numpy as np
import pytest
import torch
from fakes import make_agent
from shown import STATE, STUDENT, TEACHER, decode

from pdlearn.checkpoints import Agent
from pdlearn.interop.profiles import PROFILES
from pdlearn.losses import teacher_policy
from pdlearn.plots import COLOURS, LIGHT_COLOURS
from pdlearn.rollout import Scripted, steps
from pdlearn.tensor_files import CheckpointError
from pdlearn.web import pages
from pdlearn.widgets import all_games, compare, temperature
from pdlearn.widgets.comparison import draw
from pdlearn.widgets.face import Face

# --- compare ---


def test_what_travels_to_the_browser_is_what_was_recorded(comparison):
    for clip, packed in zip(comparison.clips, comparison.data["clips"], strict=True):
        for name in ("frames", "palette", "actions", "values", "scores"):
            np.testing.assert_array_equal(decode(packed[name]), getattr(clip, name), name)


def test_start_and_chance_are_the_same_for_all():
    first, second = compare({"a": TEACHER, "bb": TEACHER}, seed=3, agent_steps=30).clips
    assert (first.actions != first.values.argmax(1)).any()  # some actions were random
    np.testing.assert_array_equal(first.actions, second.actions)
    np.testing.assert_array_equal(first.frames, second.frames)


def test_a_foreign_agent_is_compared_under_its_own_preprocessing():
    profile = PROFILES["cleanrl"]
    agent = make_agent(4, "breakout")
    seen = {"preprocessing": profile.card(), "observation_shape": [4, 84, 84]}
    foreign = Agent(agent.network, agent.card | seen)
    widget = compare({"foreign": foreign, "ours": agent}, seed=3, agent_steps=30)
    for clip, player in zip(widget.clips, (foreign, agent), strict=True):
        env = player.environment(1)
        with closing(steps(env, Scripted(clip.actions, 4), 3, "show")) as play:
            for observation, step in zip(clip.observations, play, strict=False):
                np.testing.assert_array_equal(observation, step.observation[0])
    first, ours = (clip.observations[0] for clip in widget.clips)
    assert (first == first[0]).all() and not ours[:3].any()  # padded in two ways


def test_every_agents_choice_in_every_picture_is_shown(comparison):
    for clip, packed in zip(comparison.clips, comparison.data["clips"], strict=True):
        states = torch.from_numpy(clip.observations)
        best = [agent.network(states).argmax(1).numpy() for agent in (TEACHER, STUDENT)]
        np.testing.assert_array_equal(decode(packed["choices"]), np.stack(best, 1))


@pytest.mark.parametrize(
    ("loss", "outputs"),
    [("kl", "logits"), ("reverse_kl", "logits"), ("nll", "logits"), ("mse", "q")],
)
def test_what_a_student_puts_out_follows_from_its_loss(loss, outputs):
    assert make_agent(by="distill", config={"loss": loss}).outputs == outputs


def test_values_and_logits_are_told_apart_and_so_are_teacher_and_student(comparison):
    said = [(clip["name"], clip["kind"], clip["outputs"]) for clip in comparison.data["clips"]]
    assert said == [("old", "teacher", "q"), ("new", "student", "logits")]


def test_the_teachers_colour_is_its_own_wherever_it_stands():
    agents = [STUDENT, TEACHER, make_agent(2), make_agent(3)]
    widget = compare(dict(zip("abcd", agents, strict=True)), agent_steps=2)
    kinds = [clip["kind"] for clip in widget.data["clips"]]
    assert kinds == ["student", "teacher", "third", "fourth"]


def test_two_clips_are_so_small_that_900_frames_of_both_stay_under_a_megabyte():
    widget = compare(["pong/teacher", "pong/net3"], agent_steps=150)
    arrays = [v for clip in widget.data["clips"] for v in clip.values() if isinstance(v, dict)]
    assert sum(len(array["zlib"]) for array in arrays) * 900 / 150 < 1_000_000


def test_no_curve_runs_behind_the_names_in_the_picture(comparison):
    figure = draw(comparison.clips, ["teacher", "student"])
    figure.draw_without_rendering()
    bottom = figure.subfigs[1]
    scores = bottom.axes[0]
    names = scores.get_legend() or bottom.legends[0]
    assert not names.get_window_extent().overlaps(scores.get_window_extent())


@pytest.mark.parametrize(
    ("agents", "game", "message"),
    [
        ("pong/teacher", None, "two to four agents; got 1"),
        ([TEACHER], None, "two to four agents; got 1"),
        ([TEACHER] * 5, None, "two to four agents; got 5"),
        ([TEACHER, STUDENT], None, "two agents are called 'net3'; expected {name: agent"),
        ({"a": TEACHER, "b": STUDENT}, "breakout", "a plays 'pong'; expected 'breakout'"),
        ({"a": TEACHER, "b": make_agent(game="qbert")}, None, "b plays 'qbert'; expected 'pong'"),
        ({"a": TEACHER, "b": STUDENT}, "pongo", "unknown game 'pongo'; did you mean 'pong'"),
    ],
)
def test_what_cannot_be_compared_is_refused_in_a_sentence(agents, game, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        compare(agents, game, agent_steps=2)


def test_an_agent_that_is_not_shipped_is_refused_with_the_nearest_name():
    with pytest.raises(CheckpointError, match="did you mean 'pong/net3'"):
        compare(["pong/teacher", "pong/net33"], agent_steps=2)


# --- all games ---


def test_each_game_is_a_pair_of_teacher_and_network_from_the_same_start(of_three):
    packed = of_three.data["clips"]
    assert [clip["title"] for clip in packed[::2]] == ["Freeway", "Pong", "Q*bert"]
    assert [(clip["kind"], clip["name"]) for clip in packed] == [
        ("teacher", "teacher"), ("student", "multi3"),
    ] * 3  # fmt: skip
    for game, (teacher, network) in of_three.clips.items():
        assert game in of_three.alt.lower().replace("*", "")
        np.testing.assert_array_equal(teacher.frames[0], network.frames[0])
        assert teacher.frames.shape == (3, 105, 80)
    clips = [clip for pair in of_three.clips.values() for clip in pair]
    for clip, one in zip(packed, clips, strict=True):
        np.testing.assert_array_equal(decode(clip["frames"]), one.frames)


def test_a_game_among_many_takes_less_room(of_three):
    whole = compare(["pong/teacher", "pong/net3"], agent_steps=3).data["clips"][0]
    half = of_three.data["clips"][2]  # Pong too
    assert len(half["frames"]["zlib"]) < 0.7 * len(whole["frames"]["zlib"])


def test_a_network_for_one_game_is_refused():
    with pytest.raises(ValueError, match="net3 plays one game; expected a network for several"):
        all_games("pong/net3", agent_steps=1)


# --- temperature ---


def test_the_values_that_are_sharpened_are_the_networks_own(tempering):
    for agent, key in ((TEACHER, "q"), (STUDENT, "student")):
        expected = agent.network(torch.from_numpy(STATE[None]))[0]
        np.testing.assert_allclose(tempering.data[key], expected, rtol=1e-5)
    np.testing.assert_array_equal(decode(tempering.data["picture"]), STATE[-1])


def test_the_words_tell_the_best_actions_share_as_the_loss_has_it(tempering):
    q = torch.tensor([tempering.data["q"]])
    said = [round(100 * float(teacher_policy(q, tau).max())) for tau in (1, 0.01)]
    name = TEACHER.actions[int(q.argmax())]
    assert f"{name}, {said[0]}% at temperature 1, {said[1]}% at temperature 0.01" in tempering.alt


@pytest.mark.parametrize(
    ("agent", "state", "student", "message"),
    [
        (STUDENT, STATE, None, "puts out logits; expected one whose outputs are Q-values"),
        (TEACHER, STATE[:3], None, "expected a state of shape [4, 84, 84]; got [3, 84, 84]"),
        (TEACHER, STATE / 255, None, "expected a state of uint8; got float64"),
        (TEACHER, STATE, make_agent(game="qbert"), "plays 'qbert'; expected 'pong'"),
    ],
)
def test_a_state_or_agent_without_a_temperature_is_refused(agent, state, student, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        temperature(agent, state, student)


# --- every widget ---


@pytest.fixture(params=["comparison", "tempering", "playing", "attending", "watching"])
def widget(request) -> Face:
    return request.getfixturevalue(request.param)


def test_a_widgets_repr_is_the_same_in_every_run(
    comparison, tempering, playing, attending, watching
):
    assert repr(comparison) == "compare(old, new; pong, seed 3)"
    assert repr(tempering) == "temperature(pong, with a student)"
    assert repr(playing) == "play(pong, against net3; seed 3)"
    assert repr(attending) == "saliency(pong, with a student)"
    assert repr(watching) == "watch(list)"


def test_a_picture_and_its_words_stand_in_where_no_browser_is(widget):
    bundle, metadata = widget._repr_mimebundle_()
    assert bundle["application/vnd.jupyter.widget-view+json"]["model_id"] == widget.model_id
    assert bundle["image/png"].startswith("iVBOR")
    assert metadata["image/png"]["alt"] == widget.alt
    assert bundle["text/plain"] == f"{widget!r}\n{widget.alt}"
    assert len(widget.png) < 100_000


def test_browser_code_refers_to_nothing_outside_itself(widget):
    assert not re.search(r"https?://|url\(|@import|\bfetch\(|\bimport\b", widget._esm + widget._css)


def test_a_saved_page_is_one_file_that_refers_to_nothing_outside_itself(widget, tmp_path):
    widget.save(tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text("utf-8")
    assert "default-src 'none'" in page
    assert not re.search(r"https?://|\bimport\b", page)


def test_hostile_names_cannot_break_out_of_a_saved_page(tmp_path):
    hostile = "</script><script>window.hacked = 1</script><img src=x>"
    widget = compare({hostile: TEACHER, "b": STUDENT}, agent_steps=2)
    widget.save(tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text("utf-8")
    assert page.count("<script") == page.count("</script") == 1
    assert page.count("<img") == 1


def test_python_and_the_style_sheet_agree_on_colours():
    style = pages.source("web/player.css")
    for kind, colour in COLOURS.items():
        assert f"--{kind}: light-dark({colour}," in style
    for kind, colour in LIGHT_COLOURS.items():
        assert f"--{kind}: light-dark({COLOURS[kind]}, {colour})" in style
