"""A process with a two-worker Dask cluster in it: runs a sweep there, kills a worker over it, prints what came of it.

`python -m tests.support.dask_child FOLDER`, where FOLDER/job.pickle holds (ask, prepared, combinations).
"""

import json
import os
import pickle
import signal
import sys
from pathlib import Path
from typing import Any

from distributed import LocalCluster

from botbox_cli.services.cluster import cluster
from botbox_cli.services.sweep import sweep


def main(folder: Path) -> None:
    ask, prepared, combinations = pickle.loads((folder / "job.pickle").read_bytes())
    killed: list[int] = []
    start: Any = LocalCluster
    with (
        start(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as workers,
        cluster(workers.scheduler_address, prepared.job) as pool,
    ):
        pids = [worker.process.pid for worker in workers.workers.values()]

        def progress(done: int, total: int) -> None:
            if 0 < done < total and not killed:
                os.kill(pids[0], signal.SIGKILL)
                killed.append(pids[0])

        result = sweep(ask, prepared, combinations, pool, folder / "memory.jsonl", progress=progress)
    rows = [row.line() for row in result.rows]
    told = {"workers": len(pids), "killed": len(killed), "tried": result.tried, "rows": rows}
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
