"""What several test files share: a browser, and widgets to look at."""

import shutil

import pytest
from shown import BLOCKS, STATE, STUDENT, TEACHER, is_foreign


@pytest.fixture(scope="session")
def browser():
    """Return a headless Chromium, or skip the test where none is installed."""
    playwright = pytest.importorskip("playwright.sync_api")
    names = ("chromium", "chromium-browser", "google-chrome", "chrome")
    path = next(filter(None, map(shutil.which, names)), None)
    if path is None:
        pytest.skip("no Chromium on the path")
    with playwright.sync_playwright() as tools:
        flags = [
            "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-sync",
        ]  # fmt: skip
        browser = tools.chromium.launch(executable_path=path, args=flags)
        yield browser
        browser.close()


@pytest.fixture
def visit(browser):
    """Return a function that opens a page; at the end, none may have complained or reached out."""
    contexts, complaints = [], []

    def visit(url, **settings):
        contexts.append(browser.new_context(**settings))
        page = contexts[-1].new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda m: m.type in ("error", "warning") and complaints.append(m.text))
        page.on("request", lambda r: is_foreign(r.url) and complaints.append(r.url))
        page.goto(url)
        return page

    yield visit
    for context in contexts:
        context.close()
    assert complaints == []


# Widgets are imported where they are asked for: most tests need none.


@pytest.fixture(scope="session")
def comparison():
    from pdlearn.widgets import compare

    return compare({"old": TEACHER, "new": STUDENT}, "pong", seed=3, agent_steps=62)


@pytest.fixture(scope="session")
def of_three():
    from pdlearn.widgets import all_games

    return all_games("multi3/kl", seed=3, agent_steps=3)


@pytest.fixture(scope="session")
def tempering():
    from pdlearn.widgets import temperature

    return temperature(TEACHER, STATE, STUDENT)


@pytest.fixture(scope="session")
def playing():
    from pdlearn.widgets import play

    return play("pong", TEACHER, seed=3)


@pytest.fixture(scope="session")
def attending():
    from pdlearn.widgets import saliency

    return saliency(TEACHER, BLOCKS, STUDENT)


@pytest.fixture(scope="session")
def watching():
    from pdlearn.widgets import watch

    widget = watch([{"updates": 10 * t, "loss": 1 / t, "agreement": 0.1 * t} for t in range(1, 5)])
    assert len(list(widget)) == 4
    return widget
