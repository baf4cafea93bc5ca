"""One attempt at a job, in a worker: on one thread, and stopped by a file.

A file stops jobs wherever they run: every executor of a cluster has a shared file system, and not
every one can send a signal.
"""

import contextlib
import os
import signal
import sys
import threading
import traceback
from _thread import interrupt_main
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from pdlearn.hardware import torch_threads

LOOK_SECONDS = 0.3


class Outcome(NamedTuple):
    """How an attempt ended: done, failed, stopped, or lost with its worker."""

    kind: str
    value: Any = None
    told: str = ""


def attempt(job: Callable[[], Any], stop: Path) -> Outcome:
    """Call `job` on one thread of torch; interrupt it, as Ctrl-C does, once `stop` exists."""
    try:
        with _quiet(), torch_threads(1), _interrupted_by(stop):
            return Outcome("done", job())
    except KeyboardInterrupt:
        return Outcome("stopped", told="stopped from outside")
    except (ValueError, OSError) as error:
        return Outcome("failed", told=" ".join(str(error).split()))
    except Exception as error:
        traceback.print_exc(file=sys.stderr)
        return Outcome("failed", told=f"{type(error).__name__}: {' '.join(str(error).split())}")


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Draw no progress bars inside a `with` block."""
    before = os.environ.get("PDLEARN_QUIET")
    os.environ["PDLEARN_QUIET"] = "1"
    try:
        yield
    finally:
        del os.environ["PDLEARN_QUIET"]
        if before is not None:
            os.environ["PDLEARN_QUIET"] = before


@contextlib.contextmanager
def _interrupted_by(stop: Path) -> Iterator[None]:
    """Raise KeyboardInterrupt inside a `with` block once `stop` exists, or the parent has gone.

    SIGTERM does the same; SIGINT does nothing, because a terminal sends it to all processes. Only
    the main thread can be interrupted. In another one, `stop` is looked at before the block alone.
    """
    if stop.exists():
        raise KeyboardInterrupt
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {
        signal.SIGINT: signal.signal(signal.SIGINT, signal.SIG_IGN),
        signal.SIGTERM: signal.signal(signal.SIGTERM, signal.default_int_handler),
    }
    parent = os.getppid()
    ended = threading.Event()
    interrupting = threading.Lock()

    def look() -> None:
        while not ended.wait(LOOK_SECONDS):
            if stop.exists() or os.getppid() != parent:
                with interrupting:
                    if not ended.is_set():
                        _interrupt_main_thread()
                return

    threading.Thread(target=look, daemon=True).start()
    try:
        yield
    finally:
        with interrupting:
            ended.set()
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupt_main_thread() -> None:
    """Send SIGTERM to the main thread; where it can be sent to one, it also ends a sleep."""
    main = threading.main_thread().ident
    if hasattr(signal, "pthread_kill") and main is not None:
        signal.pthread_kill(main, signal.SIGTERM)
    else:
        interrupt_main(signal.SIGTERM)
