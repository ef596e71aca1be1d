"""Waiting for what another thread or process does."""

import time
from collections.abc import Callable

# Longer than anything takes on a machine that is busy with other things; nothing waits for it to pass.
PATIENCE_S = 90.0


def until(is_so: Callable[[], bool], told: Callable[[], object] = lambda: None) -> None:
    """Wait until something is so; what is told of a failure is asked for then."""
    ends_at = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < ends_at, told()
        time.sleep(0.05)
