"""Lessons are built from their sources, stored from a fresh run, and run on unsolved."""

import ast
import base64
import io
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from jupyter_server.serverapp import ServerApp
from jupyter_server.services.config.manager import ConfigManager
from jupyter_server.services.kernels.websocket import KernelWebsocketHandler
from matplotlib.image import imread
from nbclient import NotebookClient
from nbformat.sign import NotebookNotary

from pdlearn.commands.lessons import lessons
from pdlearn.exercises.choices import QUESTIONS
from pdlearn.lessons import by_budget, places, results, stored, table
from pdlearn.lessons.equations import with_pictures
from pdlearn.publish import lessons as build
from pdlearn.publish.diagrams import DIAGRAMS
from pdlearn.publish.lesson_sources import glossary, read_source, solved, unsolved
from pdlearn.publish.lessons import build_lesson, sources_in, stale

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = ROOT / "notebooks"
SOURCES = sources_in(NOTEBOOKS)
LEVELS = {"start", "easy", "middle", "deep"}
MEGABYTE = 1_000_000
SHOWING = {"show", "table", "Markdown", "pictures", "drawings", "plots"}  # what is called

each_lesson = pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)


def lesson_of(source):
    return nbformat.read(NOTEBOOKS / f"{source.stem}.ipynb", 4)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def checked_cells(notebook):
    return [c for c in code_cells(notebook) if re.search(r"^check_\w+\(", c.source, re.M)]


def prose(notebook):
    return "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")


def outputs(notebook):
    return [output for cell in code_cells(notebook) for output in cell.outputs]


# --- what is built and stored ---


def test_every_notebook_is_what_its_source_says():
    assert SOURCES and stale(NOTEBOOKS) == []


def test_the_notebooks_are_small():
    files = [path for path in NOTEBOOKS.rglob("*.ipynb") if ".ipynb_checkpoints" not in path.parts]
    assert max(path.stat().st_size for path in files) < MEGABYTE
    assert sum(path.stat().st_size for path in files) < 5 * MEGABYTE


@each_lesson
def test_outputs_come_from_a_fresh_whole_run_in_order(source):
    cells = code_cells(lesson_of(source))
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))


@each_lesson
def test_outputs_hold_no_error_no_warning_and_nothing_of_the_machine(source):
    for output in outputs(lesson_of(source)):
        assert output.output_type != "error" and output.get("name") != "stderr"
        assert noise(json.dumps(output)) is None


def noise(text):
    """Return the first thing in `text` that another machine or another run would not say."""
    return re.search(
        r"(?<![\w/.])/(home|root|tmp|work|opt|usr|Users|mnt|var)/|[A-Z]:\\\\|\bat 0x[0-9a-f]{6,}",
        text,
    )


@pytest.mark.parametrize(
    "text", ["in /home/me/x.py", "'/tmp/a'", r"C:\\Users", "<function f at 0x7f3a12bc>"]
)
def test_noise_is_found(text):
    assert noise(text)


@each_lesson
def test_every_picture_says_what_is_to_be_seen(source):
    pictures = [o for o in outputs(lesson_of(source)) if "image/png" in o.get("data", {})]
    assert pictures
    for picture in pictures:
        assert len(picture.metadata["image/png"]["alt"]) > 20
        pixels = imread(io.BytesIO(base64.b64decode(picture.data["image/png"])))
        assert pixels[0, 0, 3] == 0  # no background: it suits a light and a dark theme


@each_lesson
def test_every_widget_has_a_picture_and_its_stored_state(source):
    lesson = lesson_of(source)
    kind = "application/vnd.jupyter.widget-view+json"
    for output in outputs(lesson):
        if kind in output.get("data", {}):
            assert "image/png" in output.data
            assert (
                output.data[kind]["model_id"]
                in lesson.metadata.widgets["application/vnd.jupyter.widget-state+json"]["state"]
            )


@each_lesson
def test_stored_widgets_have_the_browser_code_of_today(source):
    now, renewed = lesson_of(source), lesson_of(source)
    build.renew_browser_code(renewed)
    assert build.widget_states(now) == build.widget_states(renewed)


@each_lesson
def test_an_exercise_copy_is_stored_without_outputs(source):
    copy = nbformat.read(NOTEBOOKS / "exercises" / f"{source.stem}.ipynb", 4)
    assert outputs(copy) == [] and "SOLUTION" not in json.dumps(copy)
    assert {cell.execution_count for cell in code_cells(copy)} == {None}


# --- what a lesson has ---


@each_lesson
def test_a_lesson_has_the_parts_that_every_lesson_has(source):
    lesson, front = lesson_of(source), read_source(source).metadata["pdlearn"]
    number = source.stem[:2]
    assert lesson.cells[0].source.startswith(f"# {number} · ")
    assert front["level"] in LEVELS and 10 <= front["minutes"] <= 60
    assert all(before < number for before in front["prerequisites"])
    assert 1 <= len(front["objectives"]) <= 5
    assert 25 <= len(lesson.cells) <= 48
    assert max(len(code_lines(cell)) for cell in code_cells(lesson)) <= 30
    assert "## Key points" in lesson.cells[-1].source


@each_lesson
def test_a_lesson_has_three_to_six_exercises_each_with_a_check(source):
    lesson = lesson_of(source)
    headings = re.findall(r"^## Exercise (\d) · .+", prose(lesson), re.M)
    assert headings == [str(n) for n in range(1, len(headings) + 1)] and 3 <= len(headings) <= 6
    verdicts = [cell.outputs[-1].data["text/plain"] for cell in checked_cells(lesson)]
    assert len(verdicts) >= len(headings)
    assert [text for text in verdicts if not text.startswith(("✓ Right.", "≈ Compare."))] == []


def test_every_question_is_asked_under_its_own_heading():
    asked = []
    for source in SOURCES:
        text = source.read_text("utf-8")
        for check in re.finditer(r'^check_choice\("(.+?)"', text, re.M):
            asked.append(check[1])
            heading = re.findall(r"^# ## Exercise \d · (.+)", text[: check.start()], re.M)[-1]
            assert heading == check[1]
    assert sorted(asked) == sorted(QUESTIONS)


@each_lesson
def test_a_lesson_ends_with_five_questions_whose_answers_are_folded(source):
    quiz = next(cell.source for cell in lesson_of(source).cells if "## Quiz" in cell.source)
    assert re.findall(r"^(\d)\. ", quiz, re.M) == list("12345")
    assert quiz.count("<details><summary>Answer</summary>") == quiz.count("</details>") == 5


def test_the_diagrams_are_what_the_code_draws_and_each_is_shown_in_a_lesson():
    drawn = {draw.__name__: draw().svg() for draw in DIAGRAMS}
    stored_ones = {path.stem: path.read_text("utf-8") for path in NOTEBOOKS.glob("images/*.svg")}
    assert stored_ones == drawn
    shown = [
        name for s in SOURCES for name in re.findall(r"\]\(images/(\w+)\.svg\)", s.read_text())
    ]
    assert sorted(shown) == sorted(drawn)


@each_lesson
def test_links_of_a_lesson_and_of_its_copy_lead_somewhere(source):
    for path in (
        NOTEBOOKS / f"{source.stem}.ipynb",
        NOTEBOOKS / "exercises" / f"{source.stem}.ipynb",
    ):
        for target in re.findall(r"\]\(([^)#\s]+)", prose(nbformat.read(path, 4))):
            assert target.startswith("http") or (path.parent / target).exists(), target


# --- code about the method ---


def code_lines(cell):
    """Return the numbers of a cell's lines of code; imports are not counted."""
    imported = [
        n for n in ast.parse(cell.source).body if isinstance(n, ast.Import | ast.ImportFrom)
    ]
    skipped = {line for node in imported for line in range(node.lineno, node.end_lineno + 1)}
    lines = enumerate(cell.source.splitlines(), start=1)
    return {number for number, line in lines if line.strip()} - skipped


def showing_lines(cell):
    """Return the numbers of the lines whose statements draw a figure or build a table."""
    lines = set()
    for node in ast.walk(ast.parse(cell.source)):
        if isinstance(node, ast.stmt) and not hasattr(node, "body"):
            calls = [ast.unparse(n.func) for n in ast.walk(node) if isinstance(n, ast.Call)]
            if any(call.split(".")[0] in SHOWING for call in calls):
                lines |= set(range(node.lineno, node.end_lineno + 1))
    return lines


@each_lesson
def test_no_line_of_code_is_cut_at_jupyterlabs_width(source):
    lines = [line for cell in code_cells(lesson_of(source)) for line in cell.source.splitlines()]
    assert [line for line in lines if len(line) > 80] == []


@each_lesson
def test_drawing_is_a_third_of_a_lessons_code_at_most(source):
    cells = code_cells(lesson_of(source))
    lines = [(code_lines(cell), showing_lines(cell)) for cell in cells]
    showing = sum(len(code & shown) for code, shown in lines)
    assert showing <= sum(len(code) for code, _ in lines) / 3
    assert not any("matplotlib" in cell.source for cell in cells)


def test_cells_of_more_than_15_lines_are_rare():
    cells = [cell for source in SOURCES for cell in code_cells(lesson_of(source))]
    long = [cell.source for cell in cells if len(code_lines(cell)) > 15]
    assert len(long) <= len(cells) / 15


# --- running ---


IN_CI = ("01", "05")  # the other copies take minutes: run by hand with -m long


@pytest.mark.parametrize(
    "source",
    [
        pytest.param(s, marks=() if s.stem[:2] in IN_CI else pytest.mark.long, id=s.stem)
        for s in SOURCES
    ],
)
def test_an_unsolved_copy_runs_to_its_end_and_each_check_says_what_is_missing(source, monkeypatch):
    monkeypatch.setenv("PDLEARN_BUDGET", "smoke")
    copy = nbformat.read(NOTEBOOKS / "exercises" / f"{source.stem}.ipynb", 4)
    resources = {"metadata": {"path": str(NOTEBOOKS / "exercises")}}
    NotebookClient(copy, timeout=120, kernel_name="python3", resources=resources).execute()
    verdicts = [cell.outputs[-1].data["text/plain"] for cell in checked_cells(copy)]
    assert len(verdicts) >= 3
    assert [text for text in verdicts if not text.startswith("… Not written yet.")] == []


# --- the builder ---

SOURCE = """# ---
# jupyter:
#   pdlearn:
#     minutes: 10
#     level: start
#     prerequisites: []
#     objectives: [add]
# ---

# %% [markdown]
# # 00 · Adding
#
# About [words](glossary.md#word).

# %%
def add(a, b):
    ### BEGIN SOLUTION
    total = a + b
    return total
    ### END SOLUTION

# %%
### BEGIN SOLUTION
guess = 3
### END SOLUTION
print(guess)

# %%
def check_add(function):
    return function(1, 2)

# %%
check_add(add)

# %% [markdown]
# ## Key points
"""


@pytest.fixture
def notebooks(tmp_path):
    """Return a folder with a lesson of its own, built."""
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "00-adding.py").write_text(SOURCE, "utf-8")
    (tmp_path / "glossary.md").write_text('# Glossary\n\n## Word\n\nA "sign". More.\n', "utf-8")
    (tmp_path / "README.md").write_text("\n".join(["# Lessons", *build.MARKS, ""]), "utf-8")
    return tmp_path


def change(notebooks, old, new):
    path = notebooks / "source" / "00-adding.py"
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")


def build_all(notebooks):
    sources = sources_in(notebooks)
    ran = build_lesson(sources[0], sources)
    readme = notebooks / "README.md"
    readme.write_text(build.with_list(readme.read_text("utf-8"), sources), "utf-8")
    return ran


def test_a_solution_stays_in_the_lesson_and_is_folded_in_the_copy(notebooks):
    sources = sources_in(notebooks)
    lesson, copy = solved(sources[0], sources), unsolved(sources[0], sources)
    assert lesson.cells[1].source.endswith("    total = a + b\n    return total")
    assert copy.cells[1].source == "def add(a, b):\n    ...  # your turn"
    assert copy.cells[2].source == "guess = ...  # your turn\nprint(guess)"
    folded = next(cell.source for cell in copy.cells if "<details>" in cell.source)
    assert "```python\ntotal = a + b\nreturn total\n\nguess = 3\n```" in folded


def test_a_word_is_explained_where_it_is_linked(notebooks):
    sources = sources_in(notebooks)
    assert (
        """[words](glossary.md#word "A 'sign'.")""" in solved(sources[0], sources).cells[0].source
    )
    assert "(../glossary.md#word " in unsolved(sources[0], sources).cells[0].source


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("glossary.md#word", "glossary.md#wort", "'wort' is not in the glossary"),
        ("### END SOLUTION\nprint", "print", "not between its marks"),
        ("#     level: start\n", "", "lacks level"),
        ("# %%\ncheck_add(add)", "", "no check comes after"),
    ],
)
def test_a_source_with_a_mistake_is_refused(notebooks, old, new, said):
    change(notebooks, "def check_add", "def checked")
    change(notebooks, old, new)
    sources = sources_in(notebooks)
    with pytest.raises(ValueError, match=said):
        solved(sources[0], sources), unsolved(sources[0], sources)


def test_new_prose_keeps_outputs_and_new_code_is_run(notebooks):
    assert stale(notebooks) == ["00-adding.ipynb", "README.md", "exercises/00-adding.ipynb"]
    assert build_all(notebooks) and stale(notebooks) == []
    first = nbformat.read(notebooks / "00-adding.ipynb", 4)
    assert first.cells[2].outputs[0].text == "3\n"
    change(notebooks, "About", "Now about")
    assert stale(notebooks) == ["00-adding.ipynb", "exercises/00-adding.ipynb"]
    assert not build_all(notebooks) and stale(notebooks) == []
    assert nbformat.read(notebooks / "00-adding.ipynb", 4).cells[2].outputs[0].text == "3\n"
    change(notebooks, "print(guess)", "print(\n    guess  # 3\n)")
    assert not build_all(notebooks) and stale(notebooks) == []
    first = nbformat.read(notebooks / "00-adding.ipynb", 4)
    assert first.cells[2].source.endswith("guess  # 3\n)") and first.cells[2].outputs
    change(notebooks, "guess = 3", "guess = 4")
    assert stale(notebooks) == ["00-adding.ipynb", "exercises/00-adding.ipynb"]
    assert build_all(notebooks)
    assert nbformat.read(notebooks / "00-adding.ipynb", 4).cells[2].outputs[0].text == "4\n"


def test_a_notebook_without_a_source_is_stale(notebooks):
    build_all(notebooks)
    shutil.copy(notebooks / "00-adding.ipynb", notebooks / "01-more.ipynb")
    assert stale(notebooks) == ["01-more.ipynb"]


# --- what lessons use ---


def test_a_budget_is_chosen_by_the_environment(monkeypatch):
    monkeypatch.delenv("PDLEARN_BUDGET", raising=False)
    assert by_budget(smoke=1, fast=2) == 2
    monkeypatch.setenv("PDLEARN_BUDGET", "full")
    assert by_budget(smoke=1, fast=2) == 2 and by_budget(smoke=1, fast=2, full=3) == 3
    monkeypatch.setenv("PDLEARN_BUDGET", "fats")
    with pytest.raises(ValueError, match="'fats'; expected smoke, fast, full"):
        by_budget(smoke=1, fast=2)


def test_a_table_shows_the_columns_asked_for():
    rows = [{"a": 1, "b": 0.123456}, {"a": 2, "b": 3.0}]
    assert table(rows, "b", "a").data == "| b | a |\n| --- | --- |\n| 0.1235 | 1 |\n| 3 | 2 |"
    named = {"first": rows[0], "second": rows[1]}
    assert table(named, "a", of="row").data == (
        "| row | a |\n| --- | --- |\n| first | 1 |\n| second | 2 |"
    )


def test_a_table_of_results_that_does_not_exist_is_refused():
    with pytest.raises(FileNotFoundError, match="no_such_table.csv: there is no such table"):
        results("no_such_table")
    with pytest.raises(ValueError, match="recipes.csv has no column 'gmae'; it has game, network"):
        results("recipes", gmae="pong")


def test_rows_of_results_are_selected_by_their_columns():
    (row,) = results("students", game="pong", network="net3")
    assert (row["game"], row["network"]) == ("pong", "net3")
    assert results("students", game="no_such_game") == []


def test_every_word_of_the_glossary_is_explained_once_and_in_order():
    text = (NOTEBOOKS / "glossary.md").read_text("utf-8")
    words = re.findall(r"^## (.+)", text, re.M)
    assert len(glossary(NOTEBOOKS / "glossary.md")) == len(words) == len(set(words))
    assert words == sorted(words, key=str.lower)


def test_each_entry_of_the_glossary_has_the_anchor_that_links_lead_to():
    # JupyterLab's own anchors of headings keep capital letters, GitHub's do not.
    text = (NOTEBOOKS / "glossary.md").read_text("utf-8")
    anchored = re.findall(r'^<a id="([^"]+)"></a>\n\n## (.+)', text, re.M)
    assert [anchor for anchor, _ in anchored] == list(glossary(NOTEBOOKS / "glossary.md"))
    assert len(anchored) == text.count("\n## ")


# --- how lessons travel ---


@pytest.fixture
def notary(tmp_path, monkeypatch):
    """Let Jupyter keep its signatures in a folder of the test's own."""
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "jupyter"))
    return NotebookNotary()


def test_a_copy_is_complete_trusted_and_never_overwrites_an_answer(tmp_path, notary):
    tmp_path = tmp_path / "mine"
    new, kept = places.copy_lessons(tmp_path)
    diagrams = list((NOTEBOOKS / "images").iterdir())
    assert kept == 0 and new == 2 * len(SOURCES) + 1 + len(diagrams)
    notebooks = [nbformat.read(path, 4) for path in tmp_path.rglob("*.ipynb")]
    assert len(notebooks) == 2 * len(SOURCES)
    # What JupyterLab would write of its kernel: otherwise it changes a notebook on opening it.
    assert {n.metadata.language_info.version for n in notebooks} == {sys.version.split()[0]}
    assert {n.metadata.kernelspec.display_name for n in notebooks} == {"Python 3 (ipykernel)"}
    assert all(notary.check_signature(notebook) for notebook in notebooks)
    answers = tmp_path / "exercises" / f"{SOURCES[0].stem}.ipynb"
    answers.write_text("my answers")
    assert places.copy_lessons(tmp_path) == (0, new)
    assert answers.read_text() == "my answers"


def test_copies_name_the_kernel_as_ipython_does_without_importing_it():
    """tqdm draws its bars in a notebook where IPython's kernel was imported."""
    code = (
        "import sys; from pdlearn.lessons import places; found = places.of_this_python();"
        "assert 'ipykernel.zmqshell' not in sys.modules; from ipykernel import ipkernel;"
        "assert found['language_info'] == ipkernel.IPythonKernel.language_info"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_pages_of_the_lessons_need_neither_a_kernel_nor_a_network(tmp_path, capsys):
    lessons(html=tmp_path)
    assert "14 pages" in capsys.readouterr().out
    for source in SOURCES:
        page = (tmp_path / f"{source.stem}.html").read_text("utf-8")
        loaded = re.findall(r'<(?:img|iframe|script|link)[^>]* (?:src|href)="([^"]+)"', page)
        assert [address for address in loaded if "://" in address] == []
        assert "$$" not in page and 'href="glossary.md' not in page
        files = [address for address in loaded if not address.startswith("data:")]
        assert [address for address in files if not (tmp_path / address).exists()] == []
        widgets = [o for o in outputs(lesson_of(source)) if stored.VIEW in o.get("data", {})]
        assert len([address for address in files if address.startswith("widgets/")]) == len(widgets)
    assert len((tmp_path / "index.html").read_text("utf-8").split('.html">')) == 14


def test_an_equation_is_a_transparent_picture_with_its_latex_as_text():
    shown = with_pictures(r"Let $a$ be `$x`: $$\texttt{b\_c} = \max_a \bigl(q_a\bigr)$$")
    assert re.findall(r'alt="([^"]+)"', shown) == ["a", r"\texttt{b\_c} = \max_a \bigl(q_a\bigr)"]
    assert "be `$x`:" in shown
    for encoded in re.findall(r"base64,([^\"]+)", shown):
        assert b"#ffffff" not in base64.b64decode(encoded)
    with pytest.raises(ValueError, match="unknown"):
        with_pictures(r"$\unknown$")


def test_the_lessons_command_copies_and_starts_jupyterlab_there(
    tmp_path, notary, monkeypatch, capsys
):
    started = []
    monkeypatch.setattr(subprocess, "call", lambda command, env: started.append(command) or 0)
    lessons(tmp_path / "mine", no_browser=True)
    lessons(tmp_path / "mine")
    assert (tmp_path / "mine" / f"{SOURCES[0].stem}.ipynb").exists()
    (first, second) = started
    assert second[:3] == [sys.executable, "-m", "jupyterlab"]
    assert f"--ServerApp.root_dir={tmp_path / 'mine'}" in second
    assert first == [*second, "--no-browser"]
    assert "files copied" in capsys.readouterr().out


def test_jupyterlab_as_the_lessons_command_starts_it_saves_widgets(tmp_path, notary, monkeypatch):
    seen = []
    monkeypatch.setenv("JUPYTER_CONFIG_PATH", str(tmp_path / "own"))
    monkeypatch.setattr(subprocess, "call", lambda command, env: seen.append(env) or 0)
    lessons(tmp_path / "mine")
    path = seen[0]["JUPYTER_CONFIG_PATH"]
    assert path.endswith(os.pathsep + str(tmp_path / "own"))
    monkeypatch.setenv("JUPYTER_CONFIG_PATH", path)
    defaults = ConfigManager(config_dir_name="labconfig").get("default_setting_overrides")
    assert defaults["@jupyter-widgets/jupyterlab-manager:plugin"] == {"saveState": True}
    assert defaults["@jupyterlab/apputils-extension:notification"]["fetchNews"] == "false"


def test_jupyterlab_as_the_lessons_command_starts_it_holds_no_answer_back(
    tmp_path, notary, monkeypatch
):
    started = []
    monkeypatch.setattr(subprocess, "call", lambda command, env: started.append(command) or 0)
    lessons(tmp_path / "mine")
    server = ServerApp()
    server.parse_command_line(started[0][3:])
    connection = server.kernel_websocket_connection_class

    class Handler(KernelWebsocketHandler):
        delays = True

        def __init__(self):
            pass

        def set_nodelay(self, value):
            self.delays = not value

    handler = Handler()
    monkeypatch.setattr(connection.__mro__[1], "connect", lambda self: handler.delays)
    made = connection.__new__(connection)
    made.websocket_handler = handler
    assert made.connect() is False  # set before anything is sent


def test_what_a_wheel_carries_is_found_where_pip_puts_it(tmp_path, monkeypatch):
    class Installed(str):
        def as_posix(self):
            return str(self)

        def locate(self):
            return tmp_path / self

    (tmp_path / "share/pdlearn/docs/results").mkdir(parents=True)
    shutil.copy(ROOT / "docs/results/recipes.csv", tmp_path / "share/pdlearn/docs/results")
    files = [Installed("pdlearn/games.py"), Installed("share/pdlearn/docs/results/recipes.csv")]
    monkeypatch.setattr(places, "CLONE", tmp_path / "site-packages")
    monkeypatch.setattr(places.metadata, "files", lambda name: files)
    assert len(results("recipes")) > 3
    with pytest.raises(FileNotFoundError, match="notebooks"):
        places.folder("notebooks")


def test_a_wheel_is_told_to_carry_every_folder_that_is_looked_for():
    import tomllib

    data = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    carried = data["tool"]["setuptools"]["data-files"]
    for target, patterns in carried.items():
        assert all(p.startswith(target.removeprefix("share/pdlearn/")) for p in patterns)
    globbed = [path for pattern in sum(carried.values(), []) for path in ROOT.glob(pattern)]
    wanted = [path for pattern in places.COPIED for path in NOTEBOOKS.glob(pattern)]
    results_files = (ROOT / "docs/results").rglob("*.csv")
    assert {*wanted, *results_files} == set(globbed)
