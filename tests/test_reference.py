"""The reference has every public name and every command, and the prose is spelt right.

A docstring's sections are Google's: `Args:`, `Returns:` or `Yields:`, `Raises:`.
"""

import ast
import builtins
import inspect
import re
import subprocess
import sys
import textwrap
from dataclasses import is_dataclass
from pathlib import Path
from types import FunctionType, ModuleType

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


def public_names():
    """Return the public functions and classes, with the methods that each class defines."""
    found = {}
    for name in pdlearn.__all__:
        thing = getattr(pdlearn, name)
        if not isinstance(thing, ModuleType):
            found[name] = thing
            continue
        of_module = getattr(thing, "__all__", None) or [
            key
            for key, value in vars(thing).items()
            if not key.startswith("_") and getattr(value, "__module__", "") == thing.__name__
        ]
        found |= {f"{name}.{key}": getattr(thing, key) for key in of_module}
    for name, thing in list(found.items()):
        if inspect.isclass(thing):
            for key, value in vars(thing).items():
                value = getattr(value, "__func__", value)  # of a class method
                if isinstance(value, FunctionType) and not key.startswith("_"):
                    found[f"{name}.{key}"] = getattr(thing, key)
    return {name: thing for name, thing in found.items() if callable(thing)}


def sections(thing):
    """Return a docstring's sections: the names of the entries by heading; "" has the first line."""
    first, *rest = (inspect.getdoc(thing) or "").splitlines() or [""]
    found, entries = {"": [first]}, []
    for line in rest:
        if heading := re.fullmatch(r"(Args|Returns|Yields|Raises):", line):
            entries = found[heading[1]] = []
        elif entry := re.match(r"    (\S[^:]*):", line):
            entries += [name.strip(" *") for name in entry[1].split(",")]
        elif line and not line.startswith(" "):
            entries = []
    return found


def parameters(function):
    return [name for name in inspect.signature(function).parameters if name not in ("self", "cls")]


def raised(function):
    """Return the names of the errors that a function's own body raises."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    errors = [node.exc for node in ast.walk(tree) if isinstance(node, ast.Raise) and node.exc]
    names = {getattr(getattr(error, "func", error), "id", None) for error in errors}
    return {name for name in names if name and name.endswith("Error")} - {
        "AssertionError", "NotImplementedError",
    }  # fmt: skip


def field_texts(cls):
    """Return the fields of a class that have a string below them."""
    body = ast.parse(textwrap.dedent(inspect.getsource(cls))).body[0].body
    return {
        field.target.id
        for field, text in zip(body, body[1:], strict=False)
        if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr)
    }


def error(thing, name):
    """Return the class of an error by the name that the source of `thing` has for it."""
    places = (builtins, sys.modules[thing.__module__], pdlearn)
    return next((getattr(place, name) for place in places if hasattr(place, name)), Exception)


def tells(thing, name):
    """Return whether the section of errors has the error `name`, or a more special one."""
    told = [error(thing, each) for each in sections(thing).get("Raises", [])]
    return any(issubclass(each, error(thing, name)) for each in told)


def lacking(thing):
    """Return what the docstring of a function or class lacks for its signature."""
    told, lacks = sections(thing), []
    if not told[""][0].endswith((".", "?")):
        lacks.append("a first line that is a sentence")
    if inspect.isclass(thing):
        classes = [cls for cls in thing.__mro__ if cls.__module__.startswith("pdlearn")]
        described = {name for cls in classes for name in sections(cls).get("Args", [])}
        described |= {name for cls in classes for name in field_texts(cls)}
        wanted = [] if issubclass(thing, Exception) else parameters(thing)
        maker = "__post_init__" if is_dataclass(thing) else "__init__"
        errors = raised(vars(thing)[maker]) if maker in vars(thing) else set()
    else:
        described, wanted, errors = told.get("Args", []), parameters(thing), raised(thing)
        returned = inspect.signature(thing).return_annotation
        if returned not in (None, "None", inspect.Signature.empty):
            lacks += [] if {"Returns", "Yields"} & set(told) else ["Returns:"]
    lacks += [f"Args: {name}" for name in wanted if name not in described]
    lacks += [f"Raises: {name}" for name in sorted(errors) if not tells(thing, name)]
    if re.search(r"\bRaises \w+Error", inspect.getdoc(thing) or ""):
        lacks.append("errors under Raises:")
    return lacks


PUBLIC = public_names()


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_has_the_sections_that_its_signature_needs(name):
    assert lacking(PUBLIC[name]) == []


def test_the_public_names_are_found():
    assert len(PUBLIC) > 120
    assert {"kl_loss", "Memory.add", "zoo.recording", "widgets.play", "DQNConfig"} <= set(PUBLIC)


def test_every_public_name_of_a_part_is_in_the_reference():
    names = set(documented())
    for part in (pdlearn.exercises, pdlearn.widgets):
        place = part.__name__.removeprefix("pdlearn.")
        assert {f"{place}.{name}" for name in part.__all__} <= names


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
