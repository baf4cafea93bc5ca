"""Executors on clusters: Ray, and Slurm through submitit. Each library is an extra.

Their futures have what `jobs.run` needs: `done`, `result`, and a `cancel` that leaves alone what
has begun, because that stops and saves by itself.
"""

import os
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

from pdlearn.files import read_bytes
from pdlearn.jobs.local import usable_cores
from pdlearn.schema import load_json

OBJECT_STORE_BYTES = 100 * 2**20  # jobs and results are small; Ray would take 30 % of the memory


class RayFuture:
    """A task's result in Ray's object store."""

    def __init__(self, reference: Any):
        self._reference = reference

    def done(self) -> bool:
        """Return whether the task has ended."""
        import ray

        return bool(ray.wait([self._reference], timeout=0)[0])

    def result(self) -> Any:
        """Return the task's result; raise Ray's error if its worker was lost."""
        import ray

        return ray.get(self._reference)

    def cancel(self) -> bool:
        """Return False: the task sees by itself that it shall stop."""
        return False


class RayExecutor:
    """Run functions as tasks of Ray, on a core and a share of a GPU each.

    `address` is that of a running cluster (auto: this machine's). None starts Ray on this machine,
    with `workers` cores. Raises ValueError if Ray is not installed or no cluster answers.
    """

    def __init__(
        self, address: str | None = None, *, workers: int | None = None, gpus_per_job: float = 0.0
    ):
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        try:
            import ray
        except ImportError:
            raise ValueError(
                "--executor ray: Ray is not installed; pip install 'pdlearn[ray]'"
            ) from None
        begin: dict[str, Any] = {"address": address}
        if address is None:
            begin = {
                "address": "local", "num_cpus": workers or usable_cores(),
                "include_dashboard": False, "object_store_memory": OBJECT_STORE_BYTES,
            }  # fmt: skip
        try:
            ray.init(**begin, log_to_driver=False, logging_level="error")
        except Exception as error:  # Ray raises bare ones too
            told = " ".join(str(error).split())
            where = "Ray did not start here" if address is None else f"no cluster at {address}"
            raise ValueError(f"--executor ray: {where} ({told})") from error
        # `run` gives a lost job to another worker itself, for every executor alike.
        self._call = ray.remote(num_cpus=1, num_gpus=gpus_per_job, max_retries=0)(_call)

    def submit(self, function: Callable, /, *arguments: Any) -> RayFuture:
        """Run `function(*arguments)` in a task; return its future."""
        return RayFuture(self._call.remote(function, *arguments))

    def __enter__(self) -> "RayExecutor":
        return self

    def __exit__(self, *raised: type[BaseException] | BaseException | TracebackType | None) -> None:
        import ray

        ray.shutdown()


def _call(function: Callable, *arguments: Any) -> Any:
    return function(*arguments)


class SlurmFuture:
    """A job of submitit."""

    def __init__(self, job: Any):
        self.done = job.done
        self.result = job.result
        self._job = job

    def cancel(self) -> bool:
        """Take the job out of the queue; return False if it has begun."""
        waiting = self._job.state == "PENDING"
        if waiting:
            self._job.cancel()
        return waiting


class SlurmExecutor:
    """Run functions as jobs of Slurm, through submitit.

    `file` is a JSON file of submitit's parameters, such as `{"slurm_partition": "gpu",
    "timeout_min": 600, "cpus_per_task": 1}`. Beside them, `cluster` (slurm, or local for processes
    of this machine) and `logs`, the folder of what jobs print, which all machines see.

    Raises ValueError if submitit or Slurm is not there, and for a file that is not as described.
    """

    def __init__(self, file: Path):
        try:
            import submitit
        except ImportError:
            raise ValueError(
                "--executor slurm: submitit is not installed; pip install 'pdlearn[slurm]'"
            ) from None
        try:
            parameters = load_json(read_bytes(file))
        except ValueError as error:
            raise ValueError(f"{file}: expected a JSON file ({error})") from error
        if not isinstance(parameters, dict):
            raise ValueError(f"{file}: expected an object of submitit's parameters")
        cluster = parameters.pop("cluster", "slurm")
        logs = parameters.pop("logs", "runs/slurm")
        try:
            self._executor = submitit.AutoExecutor(folder=str(logs), cluster=cluster)
            self._executor.update_parameters(**parameters)
        except (RuntimeError, NameError, ValueError, TypeError, AssertionError) as error:
            told = " ".join(str(error).split())
            raise ValueError(f"{file}: submitit refuses it ({told})") from error

    def submit(self, function: Callable, /, *arguments: Any) -> SlurmFuture:
        """Run `function(*arguments)` as a job; return its future."""
        return SlurmFuture(self._executor.submit(function, *arguments))

    def __enter__(self) -> "SlurmExecutor":
        return self

    def __exit__(self, *raised: type[BaseException] | BaseException | TracebackType | None) -> None:
        pass
