"""The wheel and the source archive, built from the files of the repository."""

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

import pdlearn
from pdlearn import zoo

pytestmark = pytest.mark.long

ROOT = Path(__file__).resolve().parent.parent
MOST_BYTES_WITHOUT_STUDENTS = 60_000_000
MOST_BYTES = 100_000_000  # the Python Package Index takes no larger file


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Return the names in the wheel and in the source archive, and the size of the wheel."""
    clone, dist = tmp_path_factory.mktemp("release") / "clone", tmp_path_factory.mktemp("dist")
    subprocess.run(["git", "clone", "--quiet", "--depth=1", ROOT.as_uri(), clone], check=True)
    command = [sys.executable, "-m", "build", "--outdir", dist, clone]
    subprocess.run(command, check=True, capture_output=True)
    (wheel,), (archive,) = dist.glob("*.whl"), dist.glob("*.tar.gz")
    with tarfile.open(archive) as file:
        sources = {name.partition("/")[2] for name in file.getnames()}
    return set(zipfile.ZipFile(wheel).namelist()), sources, wheel


def tracked(*patterns):
    command = ["git", "ls-files", *patterns]
    return set(subprocess.run(command, cwd=ROOT, capture_output=True, text=True).stdout.split())


def test_the_wheel_has_every_file_of_the_package(built):
    names, _, wheel = built
    assert wheel.name == f"pdlearn-{pdlearn.__version__}-py3-none-any.whl"
    assert tracked("pdlearn") <= names


def test_the_wheel_has_the_lessons_and_the_results(built):
    shared = f"pdlearn-{pdlearn.__version__}.data/data/share/pdlearn/"
    names = {name.removeprefix(shared) for name in built[0] if name.startswith(shared)}
    lessons = ("notebooks/*.ipynb", "notebooks/glossary.md", "notebooks/images/*")
    assert names == set(tracked(*lessons, "docs/results/*.csv"))  # also those in subfolders


def test_the_wheel_has_nothing_else(built):
    allowed = ("pdlearn/", f"pdlearn-{pdlearn.__version__}.")
    assert [name for name in built[0] if not name.startswith(allowed)] == []


def test_the_wheel_is_small(built):
    wheel = built[2]
    students = {f"pdlearn/zoo/{name}.safetensors" for name in zoo.names() if "teacher" not in name}
    with zipfile.ZipFile(wheel) as file:
        size = sum(info.compress_size for info in file.infolist() if info.filename in students)
    assert size > 0
    assert wheel.stat().st_size - size < MOST_BYTES_WITHOUT_STUDENTS
    assert wheel.stat().st_size < MOST_BYTES


def test_the_source_archive_has_what_a_clone_needs_to_be_tested(built):
    wanted = tracked("pdlearn", "tests", "notebooks", "docs", "README.md", "constraints.txt", ".ci")
    assert wanted <= built[1]


def test_the_shipped_agents_are_in_the_wheel(built):
    assert {f"pdlearn/zoo/{name}.safetensors" for name in zoo.names()} <= built[0]
