"""A page on which a network decides in the browser: its decisions are those of PyTorch."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from shown import decode

import pdlearn
from pdlearn.checkpoints import Agent
from pdlearn.cli import main
from pdlearn.export.html import export_html
from pdlearn.interop.profiles import PROFILES
from pdlearn.networks import MultiGameNetwork, QNetwork
from pdlearn.registry import NatureNetwork
from pdlearn.web import pages
from pdlearn.web.clips import pack_array

DOCS = Path(__file__).resolve().parent.parent / "docs" / "pong-in-the-browser.html"
DATA = re.compile(r"(?<=^const data = ).*(?=;$)", re.MULTILINE)
LAYERS = ("conv1", "conv2", "conv3", "fc1", "out")
ALL_OUTPUTS = "(count) => Array.from({ length: count }, (_, t) => outputs(t))"
PIXELS = "(c) => [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data]"
SLIDE = """(slider, value) => {
  slider.value = value;
  slider.dispatchEvent(new Event("input"));
}"""


def data_of(path: Path) -> dict:
    return json.loads(DATA.search(path.read_text("utf-8"))[0])


def stacks_of(data: dict) -> torch.Tensor:
    """Return the observations `[T, 4, 84, 84]` that the page has."""
    frames = torch.from_numpy(decode(data["frames_seen"]).copy())
    return torch.stack([frames[t : t + 4] for t in range(len(frames) - 3)])


def an_agent(network, game="pong", profile=None, **card) -> Agent:
    facts = {
        "games": {game: list(pdlearn.GAMES[game].actions)},
        "size": getattr(network, "size", "net5"), "observation_shape": [4, 84, 84],
        "made": {"by": "dqn"},
        "preprocessing": (profile or pdlearn.Preprocessing()).card(),
    }  # fmt: skip
    return Agent(network.requires_grad_(False), facts | card)


def drawn(num_actions=6, **settings) -> QNetwork:
    return QNetwork(num_actions, "net5", generator=torch.Generator().manual_seed(3), **settings)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """Return a short page of a network with layer normalisation and weights of 32 bits."""
    agent = an_agent(drawn(normalization="layer"))
    return agent, export_html(agent, tmp_path_factory.mktemp("page") / "p.html", agent_steps=30)


def opened(visit, path, **settings):
    page = visit(path.as_uri(), reduced_motion="reduce", **settings)
    page.locator(".bars .value").first.wait_for()
    return page


# --- the page in docs ---


def test_the_page_in_docs_is_what_the_code_writes_of_the_shipped_student():
    text = DOCS.read_text("utf-8")
    filled = pages.fill(
        "export/page.html", style=pages.source("web/player.css"),
        player=pages.source("web/player.js"), data=DATA.search(text)[0],
    )  # fmt: skip
    assert text == filled
    network = pdlearn.load_agent("pong/net3").network
    for name, layer in zip(LAYERS, data_of(DOCS)["layers"], strict=True):
        for part in ("weight", "bias"):
            shipped = getattr(getattr(network, name), part).numpy()
            np.testing.assert_array_equal(decode(layer[part]), shipped)
    assert len(text) < 1_000_000 and "://" not in text


def test_the_clip_in_docs_is_the_students_own_play():
    data = data_of(DOCS)
    with torch.no_grad():
        values = pdlearn.load_agent("pong/net3").network(stacks_of(data))
    np.testing.assert_allclose(decode(data["values"]), values, atol=1e-4)
    assert decode(data["actions"]).tolist() == values.argmax(1).tolist()
    assert decode(data["scores"])[-1] > 0


@pytest.mark.browser
def test_every_decision_in_the_browser_equals_the_recorded_one(visit):
    page = opened(visit, DOCS)
    data = data_of(DOCS)
    recorded = decode(data["values"])
    computed = np.array(page.evaluate(ALL_OUTPUTS, len(recorded)))
    assert computed.argmax(1).tolist() == decode(data["actions"]).tolist()
    np.testing.assert_allclose(computed, recorded, atol=1e-4)


# --- any page ---


@pytest.mark.browser
def test_a_network_with_layer_normalisation_computes_what_torch_does(small, visit):
    agent, path = small
    page = opened(visit, path)
    states = stacks_of(data_of(path))
    with torch.no_grad():
        values = agent.network(states).numpy()
    np.testing.assert_allclose(page.evaluate(ALL_OUTPUTS, len(states)), values, atol=1e-4)
    page.get_by_role("button", name="Compare all 30 frames").press("Enter")
    page.get_by_text("30 of 30 decisions are equal.").wait_for()


@pytest.mark.browser
def test_the_page_shows_the_frame_the_decision_and_the_recorded_action(small, visit):
    _, path = small
    data = data_of(path)
    page = opened(visit, path)
    names, actions = data["action_names"], decode(data["actions"])
    page.locator(".scrubber").evaluate(SLIDE, 20)
    picture = np.array(page.locator("canvas").first.evaluate(PIXELS)).reshape(210, 160, 4)
    np.testing.assert_array_equal(
        picture[..., :3], decode(data["palette"])[decode(data["frames"])[20]]
    )
    newest = np.array(page.locator("canvas").nth(1).evaluate(PIXELS)).reshape(84, 84, 4)[..., 0]
    assert (newest >= decode(data["frames_seen"])[23]).all()  # older frames only add light
    assert page.locator(".chosen .label").inner_text() == names[actions[20]]
    assert page.locator(".here").inner_text() == page.locator(".then").inner_text()
    values = decode(data["values"])[20]
    shown = [float(v.replace("−", "-")) for v in page.locator(".value").all_inner_texts()]
    np.testing.assert_allclose(shown, values, atol=6e-3)


@pytest.mark.browser
def test_a_recorded_action_that_differs_is_seen(small, visit, tmp_path):
    text = small[1].read_text("utf-8")
    data = data_of(small[1])
    actions = decode(data["actions"]).copy()
    actions[3] = (actions[3] + 1) % 6
    data["actions"] = pack_array(actions, "u1")
    (tmp_path / "p.html").write_text(DATA.sub(lambda _: pages.embed(data), text), "utf-8")
    page = opened(visit, tmp_path / "p.html")
    page.locator(".scrubber").evaluate(SLIDE, 3)
    then, here = data["action_names"][actions[3]], data["action_names"][actions[3] - 1]
    assert page.locator(".then").inner_text() == then
    assert page.locator(".here").inner_text() == here
    assert page.locator(".chosen .label").inner_text() == here
    page.get_by_role("button", name="Compare").press("Enter")
    page.get_by_text("29 of 30 decisions are equal.").wait_for()


@pytest.mark.browser
def test_the_game_is_played_stepped_and_stopped_by_the_keyboard(small, visit):
    page = opened(visit, small[1])
    scrubber = page.locator(".scrubber")
    page.get_by_role("button", name="Step").press("Enter")
    page.get_by_role("button", name="Step").press("Space")
    assert scrubber.input_value() == "2"
    page.get_by_role("button", name="Back").press("Enter")
    assert scrubber.input_value() == "1"
    scrubber.press("ArrowRight")
    assert scrubber.input_value() == "2"
    assert "Chosen here" in page.locator("[role=status].unseen").text_content()
    page.get_by_role("button", name="Play").press("Enter")
    page.wait_for_function("() => document.querySelector('.scrubber').value > 4")
    page.get_by_role("button", name=re.compile("Pause|Replay")).press("Enter")
    for picture in page.locator("canvas").all():
        assert picture.get_attribute("role") == "img" and picture.get_attribute("aria-label")


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_fits_a_phone(small, visit, scheme):
    page = opened(
        visit, small[1], viewport={"width": 390, "height": 800}, color_scheme=scheme
    )  # fmt: skip
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    assert page.locator("#failure").is_hidden()


def test_a_page_is_written_by_a_command(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("pdlearn.export.html.record_clip", short(pdlearn.record_clip))
    assert main(["export", "pong/net3", "--html", str(tmp_path / "p.html")]) == 0
    assert re.fullmatch(r".*p\.html: \d+ kB\n", capsys.readouterr().out)
    assert data_of(tmp_path / "p.html")["name"] == "net3"


def short(record_clip):
    return lambda *given, **settings: record_clip(*given, **settings | {"agent_steps": 9})


@pytest.mark.parametrize(
    ("network", "said"),
    [
        (NatureNetwork(6, [4, 4, 4, 16], atoms=51), "got a NatureNetwork"),
        (QNetwork(6, "net5", (4,)), "got a QNetwork"),
        (MultiGameNetwork({"pong": 6, "breakout": 4}), "got a MultiGameNetwork"),
        (torch.nn.Linear(4, 6), "got a Linear"),
    ],
)
def test_a_network_that_the_page_cannot_compute_is_refused(tmp_path, network, said):
    with pytest.raises(ValueError, match=f"expected a network of three convolutions.*{said}"):
        export_html(an_agent(network), tmp_path / "p.html")
    assert not (tmp_path / "p.html").exists()


def test_stacks_that_begin_anew_after_a_lost_life_are_refused(tmp_path):
    agent = an_agent(drawn(4), "breakout", PROFILES["sb3"])
    with pytest.raises(ValueError, match="expected observations of consecutive frames"):
        export_html(agent, tmp_path / "p.html", agent_steps=200)
    first = an_agent(drawn(4), "breakout", PROFILES["pfrl"])
    data = data_of(export_html(first, tmp_path / "p.html", agent_steps=12))
    assert (stacks_of(data)[0] == stacks_of(data)[0, 0]).all()
