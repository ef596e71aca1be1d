"""`botbox init`."""

from __future__ import annotations

from pathlib import Path

import typer

from botbox_cli.cli.options import AsJson, EnvFile
from botbox_cli.cli.session import begin, console_of


def init(ctx: typer.Context, as_json: AsJson = False, env_file: EnvFile = None) -> None:
    """Write the env file; make or migrate the database.

    Running it twice changes nothing: an env file that is there is left alone. No secret is copied from the environment.
    The first time it prints the token that opens the page of `botbox serve`: keep it, only its hash is stored.

    \b
    Example:
      botbox init
    """
    from botbox_cli import bootstrap, config
    from botbox_cli.services.init import write_env_file
    from botbox_cli.services.web_login import first_token

    console = console_of(ctx, as_json)
    path = config.named_env_file(env_file) or Path(config.ENV_FILE_NAME)
    is_new = write_env_file(path)
    settings = begin(ctx, as_json, path).settings
    has_changed = bootstrap.migrate(settings)
    place = bootstrap.database_name(settings)
    with bootstrap.web_store(settings) as web:
        token = first_token(web, bootstrap.SystemClock())
    if as_json:
        console.document(
            {
                "env_file": str(path),
                "env_file_written": is_new,
                "database": place,
                "database_changed": has_changed,
                "web_token": token,
            }
        )
        return
    console.write(f"{path}: {'written' if is_new else 'there already, left alone'}")
    console.write(f"{place}: {'ready' if has_changed else 'up to date'}")
    if token is not None:
        console.write("token for the page of `botbox serve`, shown only now:")
        console.write(token)
    console.say("next: `botbox record --once`, then `botbox scan`; `botbox doctor` checks everything")
