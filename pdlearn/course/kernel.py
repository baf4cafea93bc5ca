"""The kernel that runs a student's notebook: an ordinary one, confined (`confinement`).

Two processes: a watcher that ends the kernel when the notebook's time is over, and the kernel. The
environment holds the limits, because a kernel's command line is fixed by its specification. Where
the system cannot fork, the kernel's process ends itself.
"""

import importlib
import json
import os
import runpy
import signal
import sys
import threading
import time
from pathlib import Path
from typing import NoReturn

from pdlearn.course import confinement

NAME = "pdlearn-graded"
LIMITS = "PDLEARN_GRADING"  # an environment variable: JSON of Limits
SYSTEM = ("/usr", "/lib", "/lib64", "/bin", "/etc", "/proc", "/sys", "/dev", "/opt")
KEPT = {
    "PATH", "PYTHONPATH", "LANG", "LC_ALL", "HOME", "TMPDIR", "IPYTHONDIR", "MPLCONFIGDIR",
    "OMP_NUM_THREADS", "MKL_NUM_THREADS", "PDLEARN_QUIET",
    "SYSTEMROOT",  # Windows opens no socket without it
}  # fmt: skip
PRINTED_CHARACTERS = 1_000_000


def start(arguments: list[str]) -> int:
    """Run a confined kernel with the arguments of `ipykernel_launcher`; return its exit status."""
    wanted = json.loads(os.environ[LIMITS])
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupt is for the kernel alone
    confinement.without_network()
    if not hasattr(os, "fork"):  # Windows
        watcher = threading.Timer(wanted["notebook_seconds"], os._exit, (124,))
        watcher.daemon = True
        watcher.start()
        _become_kernel(arguments, wanted)
    child = os.fork()
    if child == 0:
        _become_kernel(arguments, wanted)
    end = time.monotonic() + wanted["notebook_seconds"]
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > end:
            os.kill(child, signal.SIGKILL)
        time.sleep(0.05)


def _become_kernel(arguments: list[str], wanted: dict) -> NoReturn:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    confinement.die_with_parent()
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):  # what a notebook prints goes through Jupyter
        os.dup2(nowhere, stream)
    for name in set(os.environ) - KEPT:  # an instructor's environment may hold secrets
        del os.environ[name]
    importlib.import_module("pdlearn.course.marking")  # not at the cost of a cell's time
    confinement.limits(wanted["notebook_seconds"], wanted["memory_bytes"], wanted["file_bytes"])
    connection = Path(arguments[arguments.index("-f") + 1])
    paths = [Path(entry) for entry in sys.path if entry]
    confinement.only_files(
        readable=[*map(Path, SYSTEM), Path(sys.prefix), Path(sys.base_prefix), *paths],
        writable=[Path.cwd(), Path(os.environ["TMPDIR"]), connection.parent, Path("/dev/null"),
                  Path("/dev/shm")],
    )  # fmt: skip
    _print_no_more_than(PRINTED_CHARACTERS)
    sys.argv = ["ipykernel_launcher", *arguments]
    runpy.run_module("ipykernel_launcher", run_name="__main__", alter_sys=True)
    sys.exit(0)


def _print_no_more_than(characters: int) -> None:
    """Let the kernel's output streams raise once this much was printed."""
    from ipykernel.iostream import OutStream

    write, printed = OutStream.write, 0

    def counted(stream: OutStream, text: str) -> int | None:
        nonlocal printed
        printed += len(text)
        if printed > characters:
            raise RuntimeError(f"the notebook prints more than {characters:,} characters")
        return write(stream, text)

    OutStream.write = counted  # type: ignore[assignment, method-assign]


if __name__ == "__main__":
    sys.exit(start(sys.argv[1:]))
