"""Find the lessons and the recorded results, and copy the lessons to a folder to work in.

In a clone they lie beside the package. A wheel has them as data files, which pip installs under
`share/pdlearn`.
"""

import platform
from importlib import metadata
from pathlib import Path

import nbformat
from jupyter_client.kernelspec import NATIVE_KERNEL_NAME, KernelSpecManager
from nbformat.sign import NotebookNotary

from pdlearn.files import write_bytes

CLONE = Path(__file__).resolve().parents[2]
JUPYTER = Path(__file__).resolve().parent / "jupyter"  # settings, as in a folder ~/.jupyter
COPIED = ("*.ipynb", "exercises/*.ipynb", "glossary.md", "images/*")


def folder(name: str) -> Path:
    """Return the folder `notebooks` or `docs/results`, of the clone or as pip installed it.

    Raises FileNotFoundError if there is neither.
    """
    if (CLONE / "pyproject.toml").exists() and (CLONE / name).is_dir():
        return CLONE / name
    for file in metadata.files("pdlearn") or ():
        if file.as_posix().rpartition("/")[0].endswith(f"share/pdlearn/{name}"):
            return Path(file.locate()).resolve().parent
    raise FileNotFoundError(f"pdlearn was installed without {name}; install it from its clone")


def of_this_python() -> dict[str, dict]:
    """Return the metadata that JupyterLab gives to a notebook run by this Python."""
    display_name = KernelSpecManager().get_kernel_spec(NATIVE_KERNEL_NAME).display_name
    return {
        "kernelspec": {
            "display_name": display_name, "language": "python", "name": NATIVE_KERNEL_NAME,
        },
        # As IPython's kernel says. To import it would turn progress bars into a notebook's.
        "language_info": {
            "name": "python", "version": platform.python_version(), "mimetype": "text/x-python",
            "codemirror_mode": {"name": "ipython", "version": 3}, "pygments_lexer": "ipython3",
            "nbconvert_exporter": "python", "file_extension": ".py",
        },
    }  # fmt: skip


def copy_lessons(target: Path) -> tuple[int, int]:
    """Copy all files of the lessons to `target`; return how many were copied and kept.

    An existing file is kept, because it may hold a learner's answers. Copied notebooks name this
    Python as JupyterLab does, which would otherwise change them when opening them. They are signed,
    so that JupyterLab shows their stored widgets at once.
    """
    source = folder("notebooks")
    new = kept = 0
    for path in sorted(path for pattern in COPIED for path in source.glob(pattern)):
        copy = target / path.relative_to(source)
        if copy.exists():
            kept += 1
            continue
        if copy.suffix == ".ipynb":
            notebook = nbformat.read(path, 4)
            notebook.metadata |= of_this_python()
            write_bytes(copy, nbformat.writes(notebook).encode())
            NotebookNotary().sign(notebook)
        else:
            write_bytes(copy, path.read_bytes())
        new += 1
    return new, kept
