"""docs/reliability.md shows the counts of docs/results/hostile.csv, and none of them is a fault."""

import ast
from pathlib import Path

import pytest

from pdlearn.files import ram_bytes
from pdlearn.rows import read_rows

ROOT = Path(__file__).resolve().parents[1]
ROWS = read_rows(ROOT / "docs" / "results" / "hostile.csv")
COUNTS = ("inputs", "sentence", "kept", "traceback", "hang", "accepted", "lost")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["part"])
def test_the_page_shows_each_row(row):
    line = f"| {row['part']} | " + " | ".join(f"{int(row[key]):,}" for key in COUNTS) + " |"
    assert line in (ROOT / "docs" / "reliability.md").read_text("utf-8")


def test_the_long_campaign_found_no_fault():
    *parts, whole = ROWS
    assert whole["part"] == "all"
    for key in COUNTS:
        assert int(whole[key]) == sum(int(row[key]) for row in parts), key
    assert int(whole["inputs"]) >= 10_000
    assert [whole[key] for key in ("traceback", "hang", "accepted", "lost")] == ["0"] * 4


def sources():
    return sorted((ROOT / "pdlearn").rglob("*.py"))


def test_no_process_is_forked():
    # A process that is forked after OpenMP has started threads hangs. The kernel of a course forks
    # before it imports torch.
    forking = {"fork", "forkpty", "multiprocessing", "ProcessPoolExecutor", "preexec_fn"}
    for path in sources():
        if path.parts[-2:] == ("course", "kernel.py"):
            continue
        tree = ast.parse(path.read_text("utf-8"))
        names = {getattr(node, "attr", getattr(node, "id", None)) for node in ast.walk(tree)}
        names |= {alias.name for node in ast.walk(tree) for alias in getattr(node, "names", ())
                  if isinstance(node, ast.Import | ast.ImportFrom)}  # fmt: skip
        names |= {
            keyword.arg for node in ast.walk(tree) for keyword in getattr(node, "keywords", ())
        }
        assert not names & forking, path


def test_every_file_is_written_by_the_atomic_writer():
    # Other ways leave half a file where the process is killed. `publish` is for maintainers alone.
    other = {"write_text", "copyfile", "copy2", "copytree", "savefig"}
    allowed = {
        "plots.py": {"savefig"}, "page.py": {"savefig"},  # into memory
        "confinement.py": {"write_text"},  # to /proc
    }  # fmt: skip
    for path in sources():
        if "publish" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                name, owner = node.func.attr, getattr(node.func.value, "id", None)
                assert name not in other - allowed.get(path.name, set()), (path, node.lineno)
                assert not (name == "write_bytes" and owner != "files"), (path, node.lineno)
                assert not (name == "write" and owner == "nbformat"), (path, node.lineno)


def test_the_size_of_the_ram_has_a_fallback(monkeypatch):
    monkeypatch.delattr("os.sysconf")
    assert ram_bytes() == 8 * 2**30
