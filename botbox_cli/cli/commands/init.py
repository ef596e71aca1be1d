"""`botbox init`."""

from __future__ import annotations

import typer

from botbox_cli.cli.options import AsJson, EnvFile


def init(ctx: typer.Context, as_json: AsJson = False, env_file: EnvFile = None) -> None:
    """Write the env file and create or migrate the database; running it twice changes nothing.

    \b
    Example:
      botbox init
    """
