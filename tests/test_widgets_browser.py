"""Widgets in a real browser: on a page of their own, in JupyterLab and in Notebook 7."""

import base64
import io
import json
import os
import re
import socket
import subprocess
import time
import urllib.request
from pathlib import Path

import ipywidgets.embed
import matplotlib.image
import nbformat.sign
import numpy as np
import pytest
import torch
from shown import decode, is_foreign

from pdlearn.commands.lessons import jupyterlab
from pdlearn.lessons.html import write_pages
from pdlearn.lessons.places import of_this_python
from pdlearn.losses import kl_loss, teacher_policy
from pdlearn.starts import load_starts
from pdlearn.widgets import compare

pytestmark = pytest.mark.browser

ROOT = Path(__file__).resolve().parent.parent
CALM = {"reduced_motion": "reduce"}
PIXELS = "(c) => [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data]"
WIDTHS = "(fills) => fills.map((fill) => parseFloat(fill.style.width))"
SLIDE = """(slider, value) => {
  slider.value = value;
  slider.dispatchEvent(new Event("input"));
}"""


# --- in a lesson's exported page ---


def test_an_exported_lesson_shows_its_widgets_whole_and_in_their_own_style(visit, tmp_path):
    write_pages(tmp_path)
    page = visit((tmp_path / "08-many-games-one-network.html").as_uri())
    frame = page.locator("iframe.widget").first
    frame.scroll_into_view_if_needed()
    agents = frame.content_frame.locator(".pdlearn.thumbs .agents")
    agents.wait_for()
    columns = agents.evaluate("(list) => getComputedStyle(list).gridTemplateColumns.split(' ')")
    assert len(columns) == 6
    page.wait_for_function("() => document.querySelector('iframe.widget').style.height")
    needed = frame.content_frame.locator("html").evaluate("(page) => page.scrollHeight")
    assert needed <= frame.evaluate("(frame) => frame.clientHeight") < needed + 3


# --- on a page of its own ---


@pytest.fixture
def show(visit, tmp_path):
    """Return a function that saves a widget as a page and opens it."""

    def show(widget, drawn=".pdlearn .bars .value", **settings):
        widget.save(tmp_path / "page.html")
        page = visit((tmp_path / "page.html").as_uri(), **settings)
        page.wait_for_selector(drawn)
        return page

    return show


def test_the_scrubber_shows_the_recorded_frame_of_every_agent(comparison, show):
    page = show(comparison)
    page.locator(".scrubber").evaluate(SLIDE, 20)
    for clip, screen in zip(comparison.clips, page.locator("canvas").all(), strict=True):
        shown = np.array(screen.evaluate(PIXELS)).reshape(210, 160, 4)[..., :3]
        np.testing.assert_array_equal(shown, clip.palette[clip.frames[20]])
    chosen = page.locator(".chosen .label").all_inner_texts()
    assert chosen == [clip.action_names[clip.actions[20]] for clip in comparison.clips]


def test_all_games_are_shown_in_step(of_three, show):
    page = show(of_three, drawn=".thumb canvas")
    page.locator(".scrubber").evaluate(SLIDE, 2)
    clips = [clip for pair in of_three.clips.values() for clip in pair]
    for clip, screen in zip(clips, page.locator("canvas").all(), strict=True):
        shown = np.array(screen.evaluate(PIXELS)).reshape(105, 80, 4)[..., :3]
        np.testing.assert_array_equal(shown, clip.palette[clip.frames[2]])
    titles = page.locator(".thumb h3").all_inner_texts()
    assert titles == ["Freeway", "Freeway", "Pong", "Pong", "Q*bert", "Q*bert"]


def test_q_values_are_shown_as_they_are_or_sharpened_and_say_which(comparison, show):
    page = show(comparison)
    teacher = page.locator(".agent.teacher")
    q = comparison.clips[0].values[0].astype(float)
    formula = teacher.locator(".formula").inner_text()
    assert formula == "bars: from the lowest to the highest"
    widths = np.array(teacher.locator(".fill").evaluate_all(WIDTHS))
    np.testing.assert_allclose(widths, 100 * (q - q.min()) / (q.max() - q.min()), atol=0.01)
    shown = [float(v.replace("−", "-")) for v in teacher.locator(".value").all_inner_texts()]
    np.testing.assert_allclose(shown, q, atol=6e-3)
    page.get_by_role("radio", name="softmax(Q / 0.01)").press("Space")
    assert teacher.locator(".formula").inner_text() == "softmax(Q / 0.01)"
    weights = np.exp((q - q.max()) / 0.01)
    widths = teacher.locator(".fill").evaluate_all(WIDTHS)
    np.testing.assert_allclose(widths, 100 * weights / weights.sum(), atol=0.01)


def test_the_buttons_lead_to_where_the_agents_disagree(show):
    widget = compare(["pong/teacher", "pong/net3"], agent_steps=40)
    page = show(widget)
    choices = [decode(clip["choices"]) for clip in widget.data["clips"]]
    apart = np.any([best[:, 0] != best[:, 1] for best in choices], axis=0)
    starts = [t for t in range(1, len(apart)) if apart[t] and not apart[t - 1]]
    assert 2 < len(starts) < apart.sum()
    for start in starts:
        page.get_by_role("button", name="Next difference").press("Enter")
        assert page.locator(".scrubber").input_value() == str(start)


def test_pictures_move_while_playing_and_only_then(comparison, show):
    page = show(comparison)
    assert page.locator(".scrubber").input_value() == "0"  # nothing plays by itself
    page.get_by_role("button", name="Play").press("Enter")
    page.wait_for_function("() => document.querySelector('.scrubber').value > 2")
    page.get_by_role("button", name="Pause").press("Space")
    stopped = page.locator(".scrubber").input_value()
    page.wait_for_timeout(300)
    assert page.locator(".scrubber").input_value() == stopped


def test_every_control_has_a_name_a_visible_focus_and_is_reached_by_tab(comparison, show):
    page = show(comparison)
    reached = []
    for _ in range(6):
        page.keyboard.press("Tab")
        reached.append(
            page.evaluate("""() => {
              const at = document.activeElement;
              const shown = at.closest("label") ?? at; // a radio button's label shows the focus
              return [at.ariaLabel ?? at.textContent, getComputedStyle(shown).outlineStyle];
            }""")
        )
    names = ["Play", "Previous difference", "Next difference", "Q", "1 times"]
    assert reached == [[name, "solid"] for name in [*names, "Position in the games"]]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_what_is_behind_it(comparison, show, scheme):
    page = show(comparison, color_scheme=scheme)
    back = page.locator(".pdlearn").evaluate("(e) => getComputedStyle(e).backgroundColor")
    for selector in (".small", ".score", ".name", ".formula", ".bars .chosen .label"):
        for text in page.locator(selector).all():
            ink = text.evaluate("(e) => getComputedStyle(e).color")
            assert contrast(ink, back) >= 4.5, (selector, ink, back)


WIDEST = "(es) => Math.max(...es.map((e) => e.getBoundingClientRect().right))"


@pytest.mark.parametrize("name", ["comparison", "tempering", "playing", "attending", "watching"])
def test_nothing_reaches_beyond_the_width_of_a_phone(name, request, show):
    widget = request.getfixturevalue(name)
    page = show(widget, ".pdlearn :is(canvas, svg):visible", viewport={"width": 360, "height": 800})
    page.wait_for_timeout(300)  # a chart is drawn to the width that it finds
    assert page.locator(".pdlearn :not(.unseen)").evaluate_all(WIDEST) <= 360
    bars = page.locator(".pdlearn .bars .track")
    assert all(width > 20 for width in bars.evaluate_all("(es) => es.map((e) => e.clientWidth)"))


def test_the_slider_moves_the_target_and_the_students_loss(tempering, show):
    page = show(tempering)
    q, logits = (torch.tensor([tempering.data[key]]) for key in ("q", "student"))
    panel = page.locator(".lessons > div").first
    for tau in (10, 0.1, 0.01):
        page.locator(".temperature").evaluate(SLIDE, -np.log10(tau))
        widths = panel.locator(".fill").evaluate_all(WIDTHS)
        np.testing.assert_allclose(widths, 100 * teacher_policy(q, tau)[0], atol=0.01)
        remark = panel.locator(".remark").inner_text()
        told = re.search(r"loss: ([\d.]+)\.", remark)[1]
        assert float(told) == pytest.approx(float(kl_loss(logits, q, tau)), rel=1e-2)
        target = teacher_policy(q.double(), tau)[0]
        nats = re.search(r"Entropy ([\d.]+) of ([\d.]+) nats", remark).groups()
        assert float(nats[0]) == pytest.approx(float(-torch.xlogy(target, target).sum()), rel=0.1)
        assert float(nats[1]) == pytest.approx(np.log(q.shape[1]), rel=0.1)
    before = page.locator("output").inner_text()
    page.locator(".temperature").press("ArrowRight")
    assert page.locator("output").inner_text() != before


def test_each_loss_is_said_to_learn_its_own_target(tempering, show):
    page = show(tempering)
    q = np.array(tempering.data["q"])
    shown = [
        panel.locator(".value").all_inner_texts() for panel in page.locator(".lessons > div").all()
    ]
    assert shown[1] == ["100.0 %" if a == q.argmax() else "0.0 %" for a in range(len(q))]
    np.testing.assert_allclose([float(v.replace("−", "-")) for v in shown[2]], q, atol=6e-4)


def test_saliency_lights_the_spot_it_names_and_the_slider_moves_it(attending, show):
    page = show(attending, "canvas[aria-label]")
    strength = decode(attending.data["agents"][0]["strength"])
    lens = page.locator(".agent.teacher")
    for t in (0, 1):
        page.locator(".scrubber").evaluate(SLIDE, t)
        row, column = np.unravel_index(strength[t].argmax(), strength[t].shape)
        y, x = 2 + 5 * row, 2 + 5 * column
        said = lens.locator("canvas").get_attribute("aria-label")
        assert f"brightest at row {y}, column {x} of 84" in said
        url = lens.locator("canvas").evaluate("(c) => c.toDataURL()")
        shown = matplotlib.image.imread(io.BytesIO(base64.b64decode(url.partition(",")[2])))
        light = shown[2::4, 2::4, 2] - shown[2::4, 2::4, 0]  # the tint is blue, the picture grey
        spots = light[2::5, 2::5]
        unclipped = decode(attending.data["pictures"])[t][2::5, 2::5] < 60
        expected = 0.8 * (0xDC - 0x3D) / 255 * np.sqrt(strength[t])
        assert unclipped.sum() > 40
        np.testing.assert_allclose(spots[unclipped], expected[unclipped], atol=0.02)


def test_a_game_on_a_page_of_its_own_says_that_it_needs_a_kernel(playing, show):
    page = show(playing)
    page.get_by_text("run the cell in a notebook with a running kernel").wait_for()
    assert page.locator("button:enabled").count() == 0
    shown = np.array(page.locator("canvas").first.evaluate(PIXELS)).reshape(210, 160, 4)[..., :3]
    match = playing.match
    np.testing.assert_array_equal(shown, match.colours.palette[match.own.screen()])


BUSY = """{
  get: (name) => name === "data" ? data : "id",
  send() {}, on() {},
  widget_manager: { get_model: async () => ({ comm: { on_msg() {}, send() {} } }) },
}"""


def test_a_game_tells_a_kernel_that_is_busy_from_none(playing, visit, tmp_path):
    page = opened_with(BUSY, playing, visit, tmp_path)
    page.get_by_text("If it is busy, the game can be played afterwards").wait_for()


ANSWER_40_TIMES = """async ([answer, pixels, palette]) => {
  const put = CanvasRenderingContext2D.prototype.putImageData;
  let drawn = 0;
  CanvasRenderingContext2D.prototype.putImageData = function (...given) {
    drawn += 1;
    put.apply(this, given);
  };
  const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const buffers = [bytes(pixels), bytes(palette)];
  while (!window.receive) await new Promise((done) => setTimeout(done, 10));
  for (let i = 1; i <= 40; i++) window.receive({ ...answer, t: "shown", scores: [i, 0] }, buffers);
  const newest = () => document.querySelector(".agent.third .score").textContent === "40";
  while (!newest()) await new Promise((done) => setTimeout(done, 10));
  return drawn;
}"""


SILENT = "model: { get: () => data }"


def opened_with(model, playing, visit, folder):
    """Return the page of `playing`, its model replaced by the JavaScript object `model`."""
    playing.save(folder / "page.html")
    text = (folder / "page.html").read_text("utf-8")
    assert SILENT in text
    (folder / "page.html").write_text(text.replace(SILENT, f"model: {model}"), "utf-8")
    return visit((folder / "page.html").as_uri())


def answer_of(playing, monkeypatch):
    """Return what the kernel answers at first: a message, and its buffers in base64."""
    answers = []
    monkeypatch.setattr(playing, "send", lambda *answer: answers.append(answer), raising=False)
    playing.answer({"t": "ready"})
    ((answer, buffers),) = answers
    return [answer, *(base64.b64encode(buffer).decode() for buffer in buffers)]


def test_a_browser_that_falls_behind_leaves_pictures_out(playing, visit, tmp_path, monkeypatch):
    heard = "{ get: () => data, send() {}, on: (_, f) => { window.receive = f; } }"
    page = opened_with(heard, playing, visit, tmp_path)
    drawn = page.evaluate(ANSWER_40_TIMES, answer_of(playing, monkeypatch))
    assert drawn <= 6  # of each game its start, the first picture and the last


KERNEL = """{
  get: () => data,
  on(_, hear) { this.hear = hear; },
  send(message) {
    if (!window.given) return;
    if (message.t === "step") window.asked.push([performance.now(), message.action]);
    this.hear({ ...message, ...data.state, t: "shown" }, window.given);
  },
}"""
GIVEN = """(bytes) => {
  window.asked = [];
  window.given = bytes.map((text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0)));
}"""


def test_a_key_need_not_wait_for_its_steps_time_and_the_pace_stays(
    playing, visit, tmp_path, monkeypatch
):
    page = opened_with(KERNEL, playing, visit, tmp_path)
    page.add_init_script(f"({GIVEN})({json.dumps(answer_of(playing, monkeypatch)[1:])})")
    page.clock.install(time=0)
    page.reload()
    page.clock.pause_at(10)
    page.locator(".play:enabled").press("Enter")
    start = page.evaluate("performance.now()")
    page.clock.run_for(50)  # of the 67 ms that a step takes at 15 Hz
    page.keyboard.down("ArrowUp")
    page.clock.run_for(350)
    for _ in range(8):
        page.keyboard.up("ArrowUp")
        page.clock.run_for(40)
        page.keyboard.down("ArrowUp")
        page.clock.run_for(40)
    asked = page.evaluate("window.asked")
    up = playing.match.own.action_names.index("RIGHT")
    times = [time - start for time, _ in asked]
    assert [action for _, action in asked[:3]] == [0, up, up]
    np.testing.assert_allclose(times[:4], [0, 50, 400 / 3, 200], atol=5)
    assert len(asked) == pytest.approx(1 + (50 + 350 + 640) * 15 / 1000, abs=1)


def test_a_page_around_a_widget_hears_none_of_its_keys(tempering, show):
    page = show(tempering)
    page.evaluate("document.addEventListener('keydown', (event) => { window.heard = event.key; })")
    page.locator(".temperature").press("m")
    assert page.evaluate("window.heard") is None
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("m")
    assert page.evaluate("window.heard") == "m"


def contrast(*colours: str) -> float:
    """Return WCAG's contrast of two colours written rgb(r, g, b)."""
    light = []
    for colour in colours:
        rgb = np.array([float(n) for n in re.findall(r"[\d.]+", colour)[:3]]) / 255
        linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
        light.append(linear @ [0.2126, 0.7152, 0.0722])
    return (max(light) + 0.05) / (min(light) + 0.05)


# --- in Jupyter ---


class Jupyter:
    """A JupyterLab as for the lessons, with Notebook 7 beside it where that is installed."""

    def __init__(self, folder: Path):
        self.folder = folder / "notebooks"
        self.data = folder / "data"
        self.folder.mkdir()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        paths = {
            f"JUPYTER_{kind}_DIR": str(folder / kind.lower()) for kind in ("CONFIG", "RUNTIME")
        }
        command, env = jupyterlab()
        env |= {**paths, "JUPYTER_DATA_DIR": str(self.data), "PYTHONPATH": str(ROOT)}
        options = [
            "--no-browser", "--allow-root", f"--port={port}", "--ip=127.0.0.1",
            "--IdentityProvider.token=", "--ServerApp.disable_check_xsrf=True",
        ]  # fmt: skip
        self.process = subprocess.Popen(
            [*command, *options],
            cwd=self.folder, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            self.wait_until(self.answers)
        except BaseException:
            self.process.kill()
            raise

    def wait_until(self, condition) -> None:
        deadline = time.monotonic() + 60
        while not condition():
            assert time.monotonic() < deadline and self.process.poll() is None
            time.sleep(0.2)

    def kernel_is_ready(self, notebook: str) -> bool:
        # The notebook says "idle" even before it has a kernel.
        sessions = self.ask("GET", "/api/sessions")
        kernels = [session["kernel"] for session in sessions if session["path"] == notebook]
        return any(k["execution_state"] == "idle" and k["connections"] for k in kernels)

    def answers(self) -> bool:
        try:
            return bool(self.ask("GET", "/api/status"))
        except OSError:
            return False

    def ask(self, method: str, path: str):
        request = urllib.request.Request(self.url + path, method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.loads(answer.read() or "null")

    def write(self, name: str, cells: list, **metadata) -> None:
        """Write a trusted notebook."""
        notebook = nbformat.v4.new_notebook(cells=cells, metadata=metadata | of_this_python())
        nbformat.sign.NotebookNotary(data_dir=str(self.data)).sign(notebook)
        nbformat.write(notebook, self.folder / name)

    def kill_kernels(self) -> None:
        for session in self.ask("GET", "/api/sessions"):
            self.ask("DELETE", f"/api/sessions/{session['id']}")


@pytest.fixture(scope="module")
def jupyter(browser, tmp_path_factory):
    server = Jupyter(tmp_path_factory.mktemp("jupyter"))
    yield server
    server.kill_kernels()
    server.process.kill()  # asked kindly, it waits for its kernels' sockets first
    server.process.wait()


def save_with_state(jupyter, name: str, widget) -> None:
    """Write a notebook as one is after a run: the output, and the widget's state beside it."""
    bundle, metadata = widget._repr_mimebundle_()
    output = nbformat.v4.new_output(
        "execute_result", data=bundle, metadata=metadata, execution_count=1
    )
    cell = nbformat.v4.new_code_cell("widget", execution_count=1, outputs=[output])
    shown = ipywidgets.embed.dependency_state([widget], drop_defaults=False)
    state = ipywidgets.embed.embed_data([widget], state=shown)["manager_state"]
    jupyter.write(name, [cell], widgets={"application/vnd.jupyter.widget-state+json": state})


def open_calmly(browser, url: str):
    """Open a page; return it and a list that fills with its errors and foreign addresses."""
    page = browser.new_context(**CALM, viewport={"width": 1200, "height": 900}).new_page()
    complaints = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda m: m.type == "error" and complaints.append(m.text))
    page.on("request", lambda r: is_foreign(r.url) and complaints.append(r.url))
    page.goto(url)
    return page, complaints


CELLS = """
import pdlearn
pdlearn.widgets.compare(["pong/teacher", "pong/net3"], "pong", agent_steps=12)
---
import numpy as np
state = np.random.default_rng(0).integers(0, 256, (4, 84, 84), dtype=np.uint8)
pdlearn.widgets.temperature("pong/teacher", state, "pong/net3")
---
pdlearn.widgets.saliency("pong/net3", np.stack([state, state[::-1]]))
---
pdlearn.widgets.play("pong", "pong/net3", folder="saved")
---
import time
def training():
    for step in range(100_000):
        time.sleep(0.05)
        yield {"updates": step, "loss": 1 / (1 + step)}
async for row in pdlearn.widgets.watch(training()): pass
"""


@pytest.fixture(scope="module")
def lab(jupyter, browser):
    """Return a page of JupyterLab that has run a cell of each widget; the last trains for ever."""
    cells = [nbformat.v4.new_code_cell(source.strip()) for source in CELLS.split("---")]
    jupyter.write("live.ipynb", cells)
    page, complaints = open_calmly(browser, f"{jupyter.url}/doc/tree/live.ipynb")
    page.set_viewport_size({"width": 1200, "height": 3600})  # all cells on show at once
    page.locator(".cm-content").first.wait_for()
    jupyter.wait_until(lambda: jupyter.kernel_is_ready("live.ipynb"))
    page.locator(".cm-content").first.click()
    for _ in cells:
        page.keyboard.press("Shift+Enter")
    page.locator(".pdlearn .stop:visible").wait_for(timeout=90_000)
    yield page
    assert complaints == []


def press(page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def cells_are_untouched(page) -> bool:
    return (page.locator(".jp-Cell").count(), page.locator(".jp-MarkdownCell").count()) == (6, 0)


def test_jupyterlab_shows_a_comparison_whose_keys_stay_its_own(lab):
    scrubber = lab.locator(".pdlearn .scrubber").first
    scrubber.focus()
    press(lab, "ArrowRight", "ArrowRight", "ArrowRight", "a", "b", "d", "d", "x", "m")
    assert scrubber.input_value() == "3"
    assert cells_are_untouched(lab)


def test_jupyterlab_shows_temperature_and_its_slider_moves_the_target(lab):
    before = lab.locator(".pdlearn output").inner_text()
    lab.locator(".pdlearn .temperature").press("ArrowRight")
    press(lab, "m", "d", "d")
    assert lab.locator(".pdlearn output").inner_text() != before
    assert cells_are_untouched(lab)


def test_jupyterlab_shows_saliency_and_its_slider_changes_the_picture(lab):
    widget = lab.locator(".pdlearn:has(.attention)")
    before = widget.locator("canvas").evaluate("(c) => c.toDataURL()")
    widget.locator(".scrubber").press("Home")
    assert widget.locator("canvas").evaluate("(c) => c.toDataURL()") != before


def test_keys_reach_the_game_and_not_the_notebook_while_a_cell_runs(lab):
    # The last cell trains meanwhile, and awaits between two rows.
    game = lab.locator(".pdlearn:has(.pad)")
    own = game.locator(".agent.third")
    before = own.locator("canvas").evaluate("(c) => c.toDataURL()")
    game.locator(".play:enabled").press("Enter")
    lab.keyboard.down("ArrowUp")
    own.get_by_text("You: RIGHT.").wait_for()
    lab.keyboard.down("Space")
    own.get_by_text("You: RIGHTFIRE.").wait_for()
    lab.keyboard.up("ArrowUp")
    lab.keyboard.up("Space")
    own.get_by_text("You: NOOP.").wait_for()
    assert own.locator("canvas").evaluate("(c) => c.toDataURL()") != before
    press(lab, "d", "d", "a", "b", "m", "x", "t")
    game.get_by_text("net3 plays for you").wait_for()
    press(lab, "t", "p")
    assert own.locator(".driver").inner_text() == ""
    assert game.locator(".play").inner_text() == "Go on"
    assert cells_are_untouched(lab)


def test_a_button_held_on_the_screen_is_a_key(lab):
    game = lab.locator(".pdlearn:has(.pad)")
    game.locator(".play").click()
    game.get_by_role("button", name="down").hover()
    lab.mouse.down()
    game.get_by_text("You: LEFT.").wait_for()
    lab.mouse.up()
    game.get_by_text("You: NOOP.").wait_for()
    game.locator(".play").click()


def test_a_game_is_saved_at_the_press_of_a_button(lab, jupyter):
    game = lab.locator(".pdlearn:has(.pad)")
    game.get_by_role("button", name="Save as a start").click()
    game.get_by_text("Saved as saved/pong-1.safetensors.").wait_for()
    (start,) = load_starts(jupyter.folder / "saved" / "pong-1.safetensors", "pong").entries
    assert {2, 3, 4} <= set(start.actions.tolist())


def test_curves_grow_until_stop_is_pressed(lab):
    training = lab.locator(".pdlearn:has(.panels)")
    newest = float(training.locator(".panel .score").inner_text())
    lab.wait_for_function(
        "(newest) => document.querySelector('.panel .score').textContent < newest", arg=newest
    )
    training.locator(".stop").click()
    training.get_by_text("generator: stopped").wait_for()
    assert not training.locator(".stop").is_visible()


SHORT = """
import pdlearn
async for row in pdlearn.widgets.watch({"updates": n, "loss": 1 / n} for n in (1, 2, 4)): pass
---
pdlearn.widgets.play("pong", "pong/net3")
"""
# As on a machine that is busy: anywidget gives up on a widget that is not there in time.
LATE = """AbortSignal.timeout = () => {
  const late = new AbortController();
  queueMicrotask(() => late.abort());
  return late.signal;
};"""


def test_widgets_whose_script_came_too_late_hear_their_kernel(jupyter, browser):
    cells = [nbformat.v4.new_code_cell(source.strip()) for source in SHORT.split("---")]
    jupyter.write("short.ipynb", cells)
    page = browser.new_context(**CALM, viewport={"width": 1200, "height": 2400}).new_page()
    page.add_init_script(LATE)
    page.goto(f"{jupyter.url}/doc/tree/short.ipynb")
    page.locator(".cm-content").first.wait_for()
    jupyter.wait_until(lambda: jupyter.kernel_is_ready("short.ipynb"))
    page.locator(".cm-content").first.click()
    press(page, "Shift+Enter", "Shift+Enter")
    page.get_by_text("generator: finished").wait_for(timeout=60_000)
    assert page.locator(".pdlearn .panel .score").inner_text() == "0.25"
    page.locator(".pdlearn .play:enabled").wait_for(timeout=60_000)
    page.context.close()


def test_without_its_kernel_a_comparison_plays_and_a_game_says_that_it_waits(lab, jupyter):
    jupyter.kill_kernels()
    first = lab.locator(".pdlearn canvas").first
    before = first.evaluate("(c) => c.toDataURL()")
    lab.locator(".pdlearn .play").first.press("Enter")
    lab.wait_for_function(
        "(before) => document.querySelector('.pdlearn canvas').toDataURL() !== before", arg=before
    )
    game = lab.locator(".pdlearn:has(.pad)")
    game.locator(".play").click()
    game.get_by_text("The kernel does not answer").wait_for()
    game.locator(".play").click()
    assert game.locator(".play").inner_text() == "Go on"  # the page still answers


def test_stored_widgets_do_not_change_a_notebook_that_is_opened_and_stay_when_it_is_saved(
    jupyter, browser, comparison
):
    save_with_state(jupyter, "opened.ipynb", comparison)
    before = nbformat.read(jupyter.folder / "opened.ipynb", 4)
    page, _ = open_calmly(browser, f"{jupyter.url}/lab/tree/opened.ipynb")
    page.locator(".pdlearn .scrubber").press("End")
    jupyter.wait_until(lambda: jupyter.kernel_is_ready("opened.ipynb"))
    changed = page.locator(".lm-TabBar-tab.jp-mod-dirty")
    assert changed.count() == 0
    page.locator(".cm-content").first.press("#")
    changed.wait_for()
    press(page, "Control+s")
    changed.wait_for(state="detached")
    after = nbformat.read(jupyter.folder / "opened.ipynb", 4)
    assert after.cells[0].source != before.cells[0].source
    assert after.metadata.widgets == before.metadata.widgets
    page.context.close()


def test_a_saved_notebook_shows_the_widget_again_in_notebook_7(jupyter, browser, comparison):
    pytest.importorskip("notebook")
    save_with_state(jupyter, "saved.ipynb", comparison)
    # Notebook 7 has complaints of its own, so the test looks only at what the widget shows.
    page, _ = open_calmly(browser, f"{jupyter.url}/notebooks/saved.ipynb")
    page.locator(".pdlearn .scrubber").press("End")
    if folder := os.environ.get("PDLEARN_SCREENSHOTS"):
        page.screenshot(path=f"{folder}/notebook.png")
    shown = np.array(page.locator(".pdlearn canvas").first.evaluate(PIXELS))
    clip = comparison.clips[0]
    np.testing.assert_array_equal(
        shown.reshape(210, 160, 4)[..., :3], clip.palette[clip.frames[-1]]
    )
