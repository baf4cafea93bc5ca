"""The built site, build/site: its size, links, alternative texts, and what works without a network.

`sphinx-build -W docs build/site` builds it; `pytest -m site` looks at it.
"""

import functools
import http.server
import re
import threading
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

SITE = Path(__file__).resolve().parent.parent / "build" / "site"
MOST_BYTES = 3_000_000
LOADED = {"img": "src", "script": "src", "iframe": "src", "link": "href", "source": "src"}

pytestmark = pytest.mark.site


class Page(HTMLParser):
    """A page's elements: (tag, attributes), its anchors, and what its links lead to."""

    def __init__(self, path: Path):
        super().__init__()
        self.path, self.elements = path, []
        self.feed(path.read_text("utf-8"))
        self.anchors = {a.get("id") for _, a in self.elements} | {
            a.get("name") for _, a in self.elements
        }

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, {key: value or "" for key, value in attributes}))

    def targets(self):
        """Return what the page's links and elements lead to, as (address, is it loaded)."""
        for tag, attributes in self.elements:
            if tag == "a" and "href" in attributes:
                yield attributes["href"], False
            elif attributes.get(LOADED.get(tag)) and attributes.get("rel") not in (
                "canonical", "search", "index", "next", "prev", "author",
            ):  # fmt: skip
                yield attributes[LOADED[tag]], True


@pytest.fixture(scope="module")
def pages():
    if not SITE.exists():
        pytest.skip("no build/site; build it with: sphinx-build -W docs build/site")
    paths = [path for path in sorted(SITE.rglob("*.html")) if "_static" not in path.parts]
    found = {path: Page(path) for path in paths}
    assert len(found) > 40
    return found


def test_no_page_is_larger_than_3_mb(pages):
    sizes = {path.name: path.stat().st_size for path in pages}
    assert {name: size for name, size in sizes.items() if size > MOST_BYTES} == {}


def test_every_link_leads_to_a_page_and_an_anchor_that_exist(pages):
    broken = []
    for path, page in pages.items():
        for address, _ in page.targets():
            parts = urlsplit(address)
            if parts.scheme:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if target.is_dir():
                target = target / "index.html"
            anchor = unquote(parts.fragment)
            if not target.exists():
                broken.append(f"{path.name}: {address}")
            # Of pages of source only the page is checked: viewcode names some anchors otherwise.
            elif anchor and target in pages and "_modules" not in path.parts:
                if anchor not in pages[target].anchors:
                    broken.append(f"{path.name}: {address}")
    assert broken == []


def test_pages_load_nothing_from_elsewhere(pages):
    foreign = {
        f"{path.name}: {address}"
        for path, page in pages.items()
        for address, loaded in page.targets()
        if loaded and urlsplit(address).scheme not in ("", "data")
    }
    assert foreign == set()


def test_every_picture_and_frame_has_a_text(pages):
    silent = [
        f"{path.name}: {attributes}"
        for path, page in pages.items()
        for tag, attributes in page.elements
        if (tag == "img" and (not attributes.get("alt") or attributes["alt"].startswith("../")))
        or (tag == "iframe" and not attributes.get("title"))
    ]
    assert silent == []


def test_formulas_are_converted_whole(pages):
    formulas = [
        formula
        for path in pages
        for formula in re.findall(r"<math.*?</math>", path.read_text("utf-8"), re.S)
    ]
    assert len(formulas) > 5
    assert [formula for formula in formulas if "\\" in formula] == []


def test_tables_that_a_lesson_prints_are_tables(pages):
    lessons = [path for path in pages if path.parent.name == "learn"]
    assert len(lessons) > 10
    assert [path.name for path in lessons if "<p>| " in path.read_text("utf-8")] == []


@pytest.fixture(scope="module")
def address():
    """Serve the site from this machine; return its address."""
    handler = functools.partial(Quiet, directory=SITE)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


def test_a_lessons_widget_shows_the_game_without_a_kernel(pages, address, visit):
    page = visit(f"{address}/learn/06-distil-one-game.html")
    frame = page.locator("iframe.widget").nth(1)
    frame.scroll_into_view_if_needed()
    canvas = frame.content_frame.locator("canvas").first
    canvas.wait_for()
    drawn = "(c) => new Set(c.getContext('2d').getImageData(0, 0, 160, 210).data).size"
    assert canvas.evaluate(drawn) > 3
    page.wait_for_function("() => document.querySelectorAll('iframe.widget')[1].style.height")


# The brightness, 0 to 255, of an element's text and of what lies behind it.
BRIGHTNESS = r"""(element) => {
  const parts = (colour) => colour.match(/[\d.]+/g).map(Number);
  const mean = (colour) => parts(colour).slice(0, 3).reduce((a, b) => a + b) / 3;
  let behind = element;
  while (parts(getComputedStyle(behind).backgroundColor)[3] === 0) behind = behind.parentElement;
  return [mean(getComputedStyle(element).color), mean(getComputedStyle(behind).backgroundColor)];
}"""


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_verdict_can_be_read_in_both_themes(pages, address, visit, theme):
    page = visit(f"{address}/learn/06-distil-one-game.html", color_scheme=theme)
    code = page.locator(".cell_output code").first
    ink, ground = code.evaluate(BRIGHTNESS)
    assert abs(ink - ground) > 100


def test_a_table_is_sorted_by_its_headings(pages, address, visit):
    page = visit(f"{address}/tables.html")
    table = page.locator("table.sortable").first
    column = table.locator("th button", has_text="mean")
    for order in (sorted, lambda values: sorted(values, reverse=True)):
        column.click()
        values = table.locator("tbody td:nth-child(3)").evaluate_all(
            "(cells) => cells.map((cell) => Number(cell.dataset.value))"
        )
        assert len(values) > 20 and values == order(values)


def test_curves_are_drawn_for_the_chosen_games(pages, address, visit):
    page = visit(f"{address}/tables.html")
    curves = page.locator(".curves polyline")
    before = curves.count()
    page.locator(".curves input:not(:checked)").first.check()
    assert before > 0 and curves.count() == before + 1


def test_the_search_finds_a_function_and_a_lesson(pages, address, visit):
    for words, wanted in (("kl_loss", "reference/losses.html"), ("distil one game", "learn/06-")):
        page = visit(f"{address}/search.html?q={words.replace(' ', '+')}")
        found = page.locator("#search-results li a")
        found.first.wait_for()
        assert any(re.search(wanted, link.get_attribute("href")) for link in found.all())
