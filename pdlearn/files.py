"""Reading, writing and locking files; other modules use these functions.

A file is written under another name, forced to the disk and then renamed. So a file of that name is
whole at every moment: the old one or the new one. The next write of a file removes what interrupted
writes of it left. A FIFO or a device is refused, because reading one may never end.
"""

import errno
import os
import socket
import stat
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from pdlearn.schema import shown


def as_path(path: str | Path) -> Path:
    """Return `path` as a Path; raise ValueError for what names no file."""
    if not isinstance(path, str | Path):
        raise ValueError(f"expected a path as text or a Path; got {shown(path)}")
    if "\0" in str(path):
        raise ValueError(f"{str(path)!r}: expected a file's name; got a zero byte in it")
    return Path(path)


def refuse_special(path: str | Path) -> None:
    """Raise ValueError if `path` is there and no regular file: a folder, a FIFO or a device."""
    as_path(path)
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return
    if not stat.S_ISREG(mode):
        kind = "folder" if stat.S_ISDIR(mode) else "FIFO or a device"
        raise ValueError(f"{path}: expected a file; got a {kind}")


def ram_bytes() -> int:
    """Return the size of the machine's RAM, or 8 GiB where the system does not tell (Windows)."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 8 * 2**30


def read_bytes(path: str | Path) -> bytes:
    """Return the contents of a regular file; raise ValueError in one sentence if that fails."""
    try:
        refuse_special(path)
        with open(path, "rb") as file:
            if os.fstat(file.fileno()).st_size > ram_bytes() / 2:
                raise MemoryError
            return file.read()
    except (OSError, MemoryError) as error:
        reason = getattr(error, "strerror", None) or "it is too large for this machine"
        raise ValueError(f"{path}: cannot be read ({reason})") from error


def write_bytes(path: str | Path, data: bytes) -> None:
    """Write `data` to `path`, atomically; make its folder if there is none.

    Raises OSError, which names the file, if that fails: the old file is then as it was.
    """
    with _part_of(path) as (part, target), open(part, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
        file.close()
        os.replace(part, target)
        _sync_folder(target.parent)


def check_writable(path: str | Path) -> None:
    """Raise OSError or ValueError if `write_bytes` could not write `path`; leave it as it is.

    For work that takes long: its result is lost if the file turns out to be unwritable afterwards.
    """
    with _part_of(path) as (part, _), open(part, "wb") as file:
        file.write(b"?")


@contextmanager
def _part_of(path: str | Path) -> Iterator[tuple[Path, Path]]:
    """Yield the name under which `path` is written first, and the file that `path` leads to."""
    try:
        refuse_special(path)
        target = Path(os.path.realpath(path))
        target.parent.mkdir(parents=True, exist_ok=True)
        clear_parts(target.parent, target.name)
        part = target.with_name(f".{target.name}.{_owner()}.part")
        try:
            yield part, target
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        if error.errno is None:
            raise
        # An error of `write` names no file by itself.
        raise OSError(error.errno, error.strerror, str(path)) from error


def clear_parts(folder: Path, name: str = "*") -> None:
    """Remove unfinished copies of `name` in `folder` that dead processes of this host left."""
    host = socket.gethostname()
    for part in folder.glob(f".{_literal(name)}.{_literal(host)}-*.part"):
        number = part.name.rsplit("-", 1)[1].removesuffix(".part")
        if number.isdigit() and not _lives(int(number)):
            part.unlink(missing_ok=True)


def _literal(name: str) -> str:
    return name if name == "*" else "".join(f"[{c}]" if c in "*?[" else c for c in name)


def _owner() -> str:
    return f"{socket.gethostname()}-{threading.get_native_id()}-{os.getpid()}"


def _lives(number: int) -> bool:
    if os.name != "posix":
        return True  # elsewhere `os.kill` ends the process
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        pass
    return True


def _sync_folder(folder: Path) -> None:
    """Force the renaming to the disk, where the system offers that."""
    if hasattr(os, "O_DIRECTORY"):
        number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(number)
        except OSError:  # some network file systems do not
            pass
        finally:
            os.close(number)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold `folder` for this process alone inside a `with` block.

    The kernel releases the lock when the process ends, however it ends. Raises ValueError if
    another process holds it, with that process's number and host.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / ".lock"
    refuse_special(path)
    with open(path, "a+b", buffering=0) as file:
        try:
            _lock(file)
        except BlockingIOError:
            file.seek(0)
            holder = file.read(200).decode("utf-8", "replace").strip() or "another process"
            raise ValueError(
                f"{folder}: is in use by {holder}; expected a folder of its own"
            ) from None
        except OSError as error:
            warnings.warn(f"{folder}: cannot be locked ({error}); going on", stacklevel=3)
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}\n".encode())
        clear_parts(folder)
        yield


def _lock(file: BinaryIO) -> None:
    """Lock an open file; raise BlockingIOError if another process or thread has it locked."""
    try:
        import fcntl
    except ImportError:  # Windows
        import msvcrt

        file.seek(2**30)  # a byte of its own, so that others can read who holds it
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
        except OSError as error:
            raise BlockingIOError(errno.EAGAIN, "locked") from error
        return
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
