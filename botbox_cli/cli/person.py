"""Who is at the terminal."""

from __future__ import annotations

import getpass
import os
import socket


def decider() -> dict[str, str]:
    """Return who decides, as far as the machine knows: for the log."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        name = str(os.getuid())
    return {"by": f"{name}@{socket.gethostname()}"}
