"""The env file of a new installation."""

from __future__ import annotations

import os
from pathlib import Path

from botbox_cli.errors import ConfigError

TEMPLATE = Path(__file__).resolve().parents[1] / "data" / "dev.vars.example"


def write_env_file(path: Path) -> bool:
    """Write the template to `path`, readable by its owner only; False if something is there already.

    It holds no secret: keys are for the person to fill in.

    Raises:
        ConfigError: If it can't be written.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return False
    except OSError as e:
        raise ConfigError(
            f"the env file {path} can't be written: {e.strerror}", "check the directory and its permissions"
        ) from e
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(TEMPLATE.read_text(encoding="utf-8"))
    return True
