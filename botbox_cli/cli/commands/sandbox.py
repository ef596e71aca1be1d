"""`botbox sandbox`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from botbox_cli.cli.options import AsJson, EnvFile, parse_word
from botbox_cli.cli.session import begin


def sandbox(
    ctx: typer.Context,
    port: Annotated[
        int, typer.Option("--port", metavar="N", min=0, max=65535, help="0 takes a free one.")
    ] = 0,
    market: Annotated[
        str | None, typer.Option("--market", metavar="M", help="replay or live; else as BOTBOX_MARKET says.")
    ] = None,
    state: Annotated[
        Path | None, typer.Option("--state", metavar="FILE", help="Where its account is kept.")
    ] = None,
    as_json: AsJson = False,
    env_file: EnvFile = None,
) -> int:
    """Serve the paper exchange as a Bybit v5 host on loopback.

    It ends with Ctrl-C. Its account is its own, apart from paper mode's; the key that it prints is play money's.

    \b
    Example:
      botbox sandbox --port 8800 --market replay
    """
    from botbox_cli import bootstrap
    from botbox_cli.setting_types import Market

    session = begin(ctx, as_json, env_file)
    source = (
        session.settings.market if market is None else Market(parse_word(market, tuple(Market), "--market"))
    )
    with bootstrap.sandbox(session.settings, source, port, state) as host:
        access = host.access
        lines = {
            "BOTBOX_MODE": "testnet",
            "BYBIT_ENDPOINT": host.url,
            "BYBIT_WS_ENDPOINT": host.url.replace("http", "ws", 1),
            "BYBIT_API_KEY": access.key,
            "BYBIT_API_SECRET": access.secret,
        }
        if as_json:
            session.console.document({"url": host.url, "market": str(source), "env": lines})
        else:
            session.console.write(host.url)
            for name, value in lines.items():
                session.console.write(f"{name}={value}")
            session.console.say("put these lines into an env file to trade here; Ctrl-C ends it")
        session.console.flush()
        try:
            host.serve()
        except KeyboardInterrupt:
            session.console.say("the sandbox has stopped")
    return 0
