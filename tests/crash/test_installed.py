"""The installed command on the wall's clock: the warm parent and the replay clock of the matrix hide nothing."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time

from tests.crash.conftest import MakeStage
from tests.crash.situations import propose
from tests.support.stage import Stage


def installed(stage: Stage, *argv: str, fault: str) -> subprocess.CompletedProcess[str]:
    """Run `python -m botbox_cli ARGV…` on a stage."""
    env = {"PATH": os.environ.get("PATH", ""), **stage.environment, "BOTBOX_FAULTPOINT": fault}
    return subprocess.run(
        [sys.executable, "-m", "botbox_cli", *argv],
        env=env,
        cwd=stage.folder,
        capture_output=True,
        text=True,
        check=False,
    )


def test_it_takes_the_same_steps(make_stage: MakeStage) -> None:
    stage = make_stage("http")
    stage.build()
    with stage:
        propose(stage)
    twin = stage.copy(stage.folder.with_name("twin"))
    with stage:
        warm = stage.steps("approve", "1", "--execute")
    with twin:
        file = twin.folder / "cold.txt"
        installed(twin, "approve", "1", "--execute", fault=f"steps={file} clock={twin.exchange_file}")

    assert [untagged(line) for line in file.read_text().splitlines()] == [untagged(line) for line in warm]


def untagged(line: str) -> str:
    return re.sub(r"bb-[a-z0-9]+-", "", line)


def test_killed_before_it_sent_the_next_pass_waits_for_the_fence(make_stage: MakeStage) -> None:
    stage = make_stage("http")
    stage.wall = True
    stage.build()
    with stage:
        propose(stage)
        killed = installed(stage, "approve", "1", "--execute", fault="kill='before place_order'")
        started = time.monotonic()
        settled = installed(stage, "monitor", "--once", "--json", fault="")
        waited_s = time.monotonic() - started
        again = installed(stage, "execute", "1", fault="")

        assert (killed.returncode, settled.returncode, again.returncode) == (-9, 0, 0)
        assert 5 < waited_s < 30, "recv_window + 2 s after it was marked as sent"
        assert [o.link.rpartition("-")[2] for o in stage.case().truth.orders] == ["entry1", "stop1"]
        assert stage.faults() == []
