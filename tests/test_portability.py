"""The package works without what Windows lacks of POSIX: it imports, trains and saves."""

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from fakes import TINY

ROOT = Path(__file__).resolve().parents[1]

# Windows has none of these, by the documentation of Python's library.
LACKING = {
    "os": [
        "O_CLOEXEC", "O_DIRECTORY", "O_NOFOLLOW", "O_NONBLOCK", "O_PATH", "WNOHANG", "chown",
        "fork", "forkpty", "getegid", "geteuid", "getgid", "getloadavg", "getpgid", "getuid",
        "killpg", "mkfifo", "nice", "pread", "pwrite", "register_at_fork", "sched_getaffinity",
        "sched_setaffinity", "setpriority", "setsid", "statvfs", "sysconf", "uname", "wait",
        "wait3", "wait4",
    ],
    "signal": [
        "SIGALRM", "SIGCHLD", "SIGCONT", "SIGHUP", "SIGKILL", "SIGPIPE", "SIGQUIT", "SIGSTOP",
        "SIGTSTP", "SIGUSR1", "SIGUSR2", "SIGXCPU", "alarm", "pause", "pthread_kill",
        "pthread_sigmask", "setitimer", "siginterrupt", "sigwait",
    ],
    "modules": [
        "fcntl", "grp", "pty", "pwd", "resource", "syslog", "termios", "tty",
    ],
}  # fmt: skip

# What other libraries do without POSIX is their own affair: they are loaded before it is removed.
START = """
import errno, fcntl, importlib, json, os, pkgutil, signal, subprocess, sys, types

def import_everything():
    import pdlearn
    names = [found.name for found in pkgutil.walk_packages(pdlearn.__path__, "pdlearn.")]
    for name in names:
        importlib.import_module(name)
    return names

def remove_posix(lacking):
    for name in [name for name in sys.modules if name.partition(".")[0] == "pdlearn"]:
        del sys.modules[name]
    for owner in (os, signal):
        for name in lacking[owner.__name__]:
            if hasattr(owner, name):
                delattr(owner, name)
    flock, how = fcntl.flock, fcntl.LOCK_EX | fcntl.LOCK_NB
    for name in lacking["modules"]:
        sys.modules[name] = None  # `import` then raises ImportError
    windows = types.ModuleType("msvcrt")
    windows.LK_NBLCK = 2
    windows.locking = lambda number, mode, count: flock(number, how)
    sys.modules["msvcrt"] = windows

import_everything()
remove_posix(json.loads(sys.argv[1]))
"""

TRAIN = """
import_everything()
from itertools import islice
from pathlib import Path
from dataclasses import replace
from fakes import CATCH, TINY
from pdlearn import DQN, files

longer = replace(TINY, agent_steps=2 * TINY.agent_steps)
folder = Path("run")
run = DQN(CATCH, TINY, precision="float32", folder=folder)
rows = iter(run)
begun = next(rows)["updates"]
try:
    list(DQN(CATCH, TINY, precision="float32", folder=folder))
except ValueError as error:
    second = str(error)
rows.close()
resumed = list(DQN(CATCH, longer, folder=folder, resume=True))

note = Path("note")
files.write_bytes(note, b"old")
os.replace = None
try:
    files.write_bytes(note, b"new")
except TypeError:
    pass
print(json.dumps({
    "begun": begun, "resumed": resumed[0]["updates"], "steps": resumed[-1]["agent_steps"],
    "second": second, "note": note.read_text(), "parts": [str(p) for p in Path().rglob("*.part")],
}))
"""

# It ends the process.
KERNEL = """
sys.stdout.flush()
import ipykernel.iostream
from pdlearn.course import kernel

Path("ipykernel_launcher.py").write_text("import time; time.sleep(60)")
sys.platform = "win32"

limits = {"notebook_seconds": 1, "memory_bytes": 4e9, "file_bytes": 1e6}
os.environ |= {kernel.LIMITS: json.dumps(limits), "TMPDIR": os.getcwd()}
kernel.start(["-f", os.path.join(os.getcwd(), "kernel.json")])
"""


@pytest.fixture(scope="module")
def process(tmp_path_factory):
    """A process without POSIX that has run `TRAIN` and then `KERNEL`."""
    path = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    return subprocess.run(
        [sys.executable, "-c", START + TRAIN + KERNEL, json.dumps(LACKING)],
        cwd=tmp_path_factory.mktemp("run"), env={**os.environ, "PYTHONPATH": path},
        capture_output=True, text=True, timeout=240,
    )  # fmt: skip


def test_a_run_is_saved_locked_and_resumed_without_posix(process):
    assert process.stdout, process.stderr
    done = json.loads(process.stdout.splitlines()[-1])
    assert done["resumed"] > done["begun"] and done["steps"] == 2 * TINY.agent_steps
    assert "in use by process" in done["second"]
    assert done["note"] == "old" and done["parts"] == []


def test_a_courses_kernel_that_cannot_fork_ends_itself_after_its_time(process):
    assert process.returncode == 124, process.stderr


def uses_of_posix(tree):
    """Return the names that Windows lacks, of those that a module uses."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if node.attr in LACKING.get(node.value.id, ()):
                yield f"{node.value.id}.{node.attr}"
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names]
            yield from {*names, getattr(node, "module", None)} & set(LACKING["modules"])


@pytest.mark.parametrize(
    "path", sorted((ROOT / "pdlearn").rglob("*.py")), ids=lambda path: path.name
)
def test_a_module_that_uses_posix_asks_for_it_first(path):
    text = path.read_text("utf-8")
    asked = r"hasattr\((os|signal), |except \(?(Import|Attribute)Error|sys\.platform [!=]= .linux"
    for used in uses_of_posix(ast.parse(text)):
        assert re.search(asked, text), f"{path.name} uses {used}, which Windows lacks"
