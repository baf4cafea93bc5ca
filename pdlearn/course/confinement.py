"""Confine this process before it runs a student's code: what Linux lets an ordinary user do.

Each function returns whether the platform did as asked; none raises. `limits` works on Linux and
macOS, the others on Linux alone (network and processes: namespaces; files: Landlock, kernel 5.13).
"""

import contextlib
import ctypes
import json
import os
import socket
import struct
import sys
from collections.abc import Iterable
from pathlib import Path

CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x20000, 0x10000000, 0x20000000, 0x40000000
PR_SET_PDEATHSIG, PR_SET_NO_NEW_PRIVS, SIGKILL = 1, 38, 9
SIOCSIFFLAGS, IFF_UP_RUNNING = 0x8914, 0x41

LANDLOCK_CREATE, LANDLOCK_ADD, LANDLOCK_RESTRICT = 444, 445, 446
EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1, 2, 4, 8
READING = EXECUTE | READ_FILE | READ_DIR
ALL_OF_ABI_1 = (1 << 13) - 1
REFER, TRUNCATE = 1 << 13, 1 << 14  # of ABI 2 and 3
OF_A_FILE = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def limits(seconds: int, memory_bytes: int, file_bytes: int) -> bool:
    """Limit processor time, memory and the size of files for this process and its children."""
    try:
        import resource
    except ImportError:  # Windows
        return False
    wanted = {
        resource.RLIMIT_CPU: seconds,
        resource.RLIMIT_DATA: memory_bytes,
        resource.RLIMIT_FSIZE: file_bytes,
        resource.RLIMIT_CORE: 0,
    }
    try:
        for limit, value in wanted.items():
            # Time over ends with SIGXCPU, which tells it from other ends; SIGKILL comes later.
            later = 5 if limit == resource.RLIMIT_CPU else 0
            resource.setrlimit(limit, (value, value + later))
    except (ValueError, OSError):
        return False
    return sys.platform == "linux"  # elsewhere RLIMIT_DATA does not count mapped memory


def without_network() -> bool:
    """Move to namespaces with a loopback interface alone, and children to their own processes.

    Processes that are started afterwards see none outside and end with the first of them.
    """
    if sys.platform != "linux":
        return False
    import fcntl

    user, group = os.getuid(), os.getgid()
    libc = _libc()
    if libc.unshare(CLONE_NEWNET | CLONE_NEWPID) != 0:  # allowed to root alone
        if libc.unshare(CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWPID) != 0:
            return False
        with contextlib.suppress(OSError):
            Path("/proc/self/setgroups").write_text("deny")
            Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
            Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
    with contextlib.suppress(OSError), socket.socket() as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh", b"lo", IFF_UP_RUNNING))
    return True


def die_with_parent() -> None:
    """End this process when its parent ends."""
    if sys.platform == "linux":
        _libc().prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0)


def only_files(readable: Iterable[Path], writable: Iterable[Path]) -> bool:
    """Deny this process and its children all files but those below these folders, for good."""
    if sys.platform != "linux":
        return False
    libc = _libc()
    abi = libc.syscall(LANDLOCK_CREATE, None, 0, 1)
    if abi < 1:
        return False
    handled = ALL_OF_ABI_1 | (REFER if abi >= 2 else 0) | (TRUNCATE if abi >= 3 else 0)
    attributes = struct.pack("Q", handled)
    rules = libc.syscall(LANDLOCK_CREATE, attributes, len(attributes), 0)
    if rules < 0:
        return False
    for folders, allowed in ((readable, READING), (writable, handled)):
        for folder in folders:
            _allow(libc, rules, folder, allowed)
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    done = libc.syscall(LANDLOCK_RESTRICT, rules, 0) == 0
    os.close(rules)
    return done


def _allow(libc: ctypes.CDLL, rules: int, place: Path, allowed: int) -> None:
    try:
        handle = os.open(place, os.O_PATH | os.O_CLOEXEC)
    except OSError:  # a folder that this machine lacks
        return
    if not place.is_dir():
        allowed &= OF_A_FILE
    rule = struct.pack("=Qi", allowed, handle)
    libc.syscall(LANDLOCK_ADD, rules, 1, rule, 0)
    os.close(handle)


def main() -> None:
    """Print as JSON which of the confinements work here."""
    everything = {
        "no network, no other processes": without_network(),
        "limits of time and memory": limits(60, 4_000_000_000, 1_000_000),
        "no files but its own": only_files([Path("/")], []),
    }
    print(json.dumps(everything))


if __name__ == "__main__":
    main()
