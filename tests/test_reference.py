"""The reference has every public name and every command, and the prose is spelt right."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import pdlearn
from pdlearn import cli

ROOT = Path(__file__).resolve().parent.parent
REFERENCE = ROOT / "docs" / "reference"


def documented():
    """Return the names below `pdlearn` that the pages of the reference document."""
    text = "".join(page.read_text("utf-8") for page in REFERENCE.glob("*.md"))
    return re.findall(r"^\.\. (?:auto\w+|py:data|py:function):: pdlearn\.([\w.]+)", text, re.M)


def test_every_public_name_is_in_the_reference_once():
    names = documented()
    assert set(pdlearn.__all__) <= set(names)
    assert len(names) == len(set(names))


def test_every_command_is_in_the_reference(capsys):
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    listed = re.search(r"\{([\w,]+)\}", capsys.readouterr().out)[1].split(",")
    page = (REFERENCE / "commands.md").read_text("utf-8")
    assert re.findall(r"\{command-help\} (\w+)", page) == listed


def test_the_prose_is_spelt_right():
    places = ["README.md", "CITATION.cff", ".github", "docs", "notebooks/source", "pdlearn"]
    process = subprocess.run(
        [sys.executable, "-m", "codespell_lib", "--skip", "*.html,*.csv,*.png,*.webp,docs/learn",
         *places],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert process.returncode == 0, process.stdout + process.stderr


def test_the_readme_tells_the_librarys_size():
    """Lines of floors 0 to 5 of docs/architecture.md that are not empty."""
    told = re.search(r"a library of about ([\d,]+) lines", (ROOT / "README.md").read_text("utf-8"))
    table = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    rows = re.findall(r"^\| [0-5] [^|]*\|([^|]*)\|", table, re.M)
    places = [place for row in rows for place in re.findall(r"`([^`]+)`", row)]
    patterns = [f"{place}**/*.py" if place.endswith("/") else f"{place}.py" for place in places]
    files = {file for pattern in patterns for file in (ROOT / "pdlearn").glob(pattern)}
    lines = sum(
        bool(line.strip()) for file in files for line in file.read_text("utf-8").splitlines()
    )
    assert abs(int(told[1].replace(",", "")) - lines) < 0.1 * lines, lines
