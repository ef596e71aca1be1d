"""A sweep on a Dask cluster: the candles travel to its workers once, as arrays; a lost worker's part is done anew."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from botbox_cli import __version__
from botbox_cli.errors import ConfigError, UsageError
from botbox_cli.services.sweep import Job, Tried, Values, evidence_of, try_one

CONNECT_S = 10


class Cluster:
    """The workers behind one scheduler."""

    def __init__(self, client: Any, job: Job) -> None:
        self.size = max(1, sum(client.nthreads().values()))
        self._client = client
        self._job = job
        self._executor = client.get_executor(retries=2, pure=False)
        self._shipped: list[Any] = []

    def submit(self, batch: Sequence[Values]) -> Future[list[Tried]]:
        work: Future[list[Tried]] = self._executor.submit(
            try_shipped, self._job, list(batch), *self._candles()
        )
        return work

    def _candles(self) -> list[Any]:
        """Return the candles on the cluster; every worker has them, and when none is left they travel again."""
        if not self._shipped or any(part.status not in ("finished", "pending") for part in self._shipped):
            matrices = [np.load(pack.path) for pack in self._job.packs]
            self._shipped = self._client.scatter(matrices, broadcast=True, hash=False)
        return self._shipped


def try_shipped(job: Job, batch: Sequence[Values], *matrices: NDArray[np.float64]) -> list[Tried]:
    """Try combinations on candles that came with the work; runs in a worker."""
    return [try_one(job, values, (evidence_of(m) for m in matrices)) for values in batch]


@contextmanager
def cluster(address: str, job: Job) -> Iterator[Cluster]:
    """Connect to a scheduler such as `tcp://10.0.0.5:8786`.

    Raises:
        ConfigError: If Dask is not installed, nothing answers, or its workers run another botbox.
        UsageError: If `address` is none.
    """
    try:
        from distributed import Client
    except ImportError as e:
        raise ConfigError(
            "--cluster needs Dask, which is not installed", "pip install 'botbox[cluster]'", code="no_dask"
        ) from e
    try:
        client = Client(address, timeout=CONNECT_S, set_as_default=False)  # type: ignore[no-untyped-call]
    except ValueError as e:
        raise UsageError(
            f"--cluster {address} is no address: {e}", "write it like tcp://10.0.0.5:8786"
        ) from e
    except OSError as e:
        raise ConfigError(
            f"no Dask scheduler answers at {address}: {e}",
            "start one with `dask scheduler`",
            code="no_cluster",
        ) from e
    with client:
        _check(client, address)
        yield Cluster(client, job)


def _check(client: Any, address: str) -> None:
    versions = client.run(_version, on_error="return")
    if not versions:
        raise ConfigError(
            f"the scheduler at {address} has no workers",
            f"start some: `dask worker {address}`",
            code="no_workers",
        )
    for worker, version in versions.items():
        if version != __version__:
            raise ConfigError(
                f"worker {worker} has {version!r} where botbox {__version__} is wanted",
                "install the same botbox on every worker",
                code="other_version",
            )


def _version() -> str:
    return __version__
