"""Files: whole at every moment, locked while in use, and never waited for."""

import errno
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pdlearn import files
from pdlearn.files import check_writable, locked, read_bytes, write_bytes

HOLD = """
import sys, time
from pathlib import Path
from pdlearn.files import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""
# Kill the process at the n-th of the calls that a write makes.
CRASH = """
import os, sys
from pdlearn import files
calls = 0
def counted(function):
    def call(*arguments, **keywords):
        global calls
        calls += 1
        if calls == int(sys.argv[2]):
            os.kill(os.getpid(), 9)
        return function(*arguments, **keywords)
    return call
for name in ("open", "fsync", "replace", "realpath"):
    owner = os.path if name == "realpath" else os
    setattr(owner, name, counted(getattr(owner, name)))
files.open = counted(open)
files.write_bytes(sys.argv[1], b"new" * 100_000)
"""


def test_what_is_written_is_read(tmp_path):
    write_bytes(tmp_path / "new" / "file", b"one")
    write_bytes(tmp_path / "new" / "file", b"two")
    assert read_bytes(tmp_path / "new" / "file") == b"two"
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["file"]


def test_a_link_stays_a_link(tmp_path):
    write_bytes(tmp_path / "file", b"one")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    write_bytes(tmp_path / "link", b"two")
    assert (tmp_path / "link").is_symlink() and read_bytes(tmp_path / "file") == b"two"


@pytest.mark.parametrize("use", [read_bytes, check_writable, lambda path: write_bytes(path, b"")])
def test_a_fifo_a_device_and_a_folder_are_refused_at_once(tmp_path, use):
    os.mkfifo(tmp_path / "fifo")
    for path, kind in (
        (tmp_path / "fifo", "FIFO"),
        (Path(os.devnull), "device"),
        (tmp_path, "fol"),
    ):
        with pytest.raises(ValueError, match=f"expected a file; got a .*{kind}"):
            use(path)


@pytest.mark.parametrize("name", ["nowhere", "a\0b", "x" * 300])
def test_a_file_that_cannot_be_read_is_named(tmp_path, name):
    with pytest.raises(ValueError, match="cannot be read|zero byte"):
        read_bytes(tmp_path / name)


def test_a_full_disk_is_reported_with_the_file_and_leaves_the_old_one(tmp_path, monkeypatch):
    write_bytes(tmp_path / "file", b"old")

    def full(number):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(OSError, match="No space left on device: .*file"):
        write_bytes(tmp_path / "file", b"new")
    assert read_bytes(tmp_path / "file") == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_an_unwritable_place_is_found_without_changing_the_file(tmp_path, monkeypatch):
    write_bytes(tmp_path / "file", b"old")
    check_writable(tmp_path / "file")
    assert read_bytes(tmp_path / "file") == b"old" and len(list(tmp_path.iterdir())) == 1
    with pytest.raises(OSError, match="Not a directory|File exists"):
        check_writable(tmp_path / "file" / "below")


@pytest.mark.parametrize("call", range(1, 7))
def test_a_write_killed_at_any_call_leaves_the_old_file_or_the_new_one(tmp_path, call):
    path = tmp_path / "file"
    write_bytes(path, b"old")
    killed = subprocess.run([sys.executable, "-c", CRASH, path, str(call)])
    assert killed.returncode == -signal.SIGKILL
    assert read_bytes(path) in (b"old", b"new" * 100_000)
    write_bytes(path, b"next")
    assert read_bytes(path) == b"next"
    assert [found.name for found in tmp_path.iterdir()] == ["file"]  # the remains are cleared


def test_threads_that_write_one_file_leave_one_of_the_contents_whole(tmp_path):
    contents = [bytes([k]) * 300_000 for k in range(8)]

    def write_often(data):
        for _ in range(20):
            write_bytes(tmp_path / "file", data)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(write_often, contents))  # raises what a thread raised
    assert read_bytes(tmp_path / "file") in contents
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_folder_is_held_by_one_process_and_released_when_it_is_killed(tmp_path):
    holder = subprocess.Popen([sys.executable, "-c", HOLD, tmp_path], stdout=subprocess.PIPE)
    assert holder.stdout is not None and holder.stdout.readline() == b"held\n"
    message = f"is in use by process {holder.pid} on "
    with pytest.raises(ValueError, match=message), locked(tmp_path):
        pass
    holder.kill()
    holder.wait()
    deadline = time.monotonic() + 10
    while True:
        try:
            with locked(tmp_path):
                return
        except ValueError:
            assert time.monotonic() < deadline, "still locked after its process has ended"
            time.sleep(0.05)


def test_a_lock_holds_within_one_process_too_and_ends_with_its_block(tmp_path):
    with locked(tmp_path), pytest.raises(ValueError, match=f"process {os.getpid()} "):
        with locked(tmp_path):
            pass
    with locked(tmp_path):
        pass
