"""Executors by name: local, ray or slurm."""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Annotated, Any

from pdlearn.schema import Range, checked

MOST_WORKERS = 4_096


def executor_by_name(name: str, *, gpus_per_job: float = 0.0) -> AbstractContextManager[Any]:
    """Return the executor that `local[:N]`, `ray[:ADDRESS]` or `slurm:FILE` names, to close.

    `local` runs N processes at once, by default as many as there are cores. `ray` starts Ray on
    this machine, or connects to a cluster. `gpus_per_job` is for Ray alone. Raises ValueError for
    another name, and if what it needs is not installed.
    """
    kind, colon, where = name.partition(":")
    if kind == "local" and bool(where) == bool(colon):
        from pdlearn.jobs.local import LocalExecutor

        if where and not where.isdecimal():
            raise ValueError(f"expected local:N with a number of processes; got {name!r}")
        workers = Annotated[int, Range(1, MOST_WORKERS)]
        return LocalExecutor(checked(int(where), workers, "the N of local:N") if where else None)
    if kind == "ray" and bool(where) == bool(colon):
        from pdlearn.jobs.cluster import RayExecutor

        return RayExecutor(where or None, gpus_per_job=gpus_per_job)
    if kind == "slurm" and where:
        from pdlearn.jobs.cluster import SlurmExecutor

        return SlurmExecutor(Path(where))
    raise ValueError(f"unknown executor {name!r}; expected local[:N], ray[:ADDRESS] or slurm:FILE")
