"""`botbox serve`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from botbox_cli.cli.options import AsJson, EnvFile
from botbox_cli.cli.postman import ROUND_EVERY_S, post_of
from botbox_cli.cli.session import Session, begin
from botbox_cli.errors import ConfigError

if TYPE_CHECKING:
    from botbox_cli.web.place import Place


def serve(
    ctx: typer.Context,
    host: Annotated[
        str, typer.Option("--host", metavar="ADDRESS", help="Where to listen; beyond loopback only with TLS.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", metavar="N", min=0, max=65535, help="0 takes a free one.")
    ] = 8787,
    name: Annotated[
        list[str] | None,
        typer.Option("--name", metavar="HOST", help="A name that browsers reach it by; may be repeated."),
    ] = None,
    tls_cert: Annotated[
        Path | None, typer.Option("--tls-cert", metavar="FILE", help="Certificate chain, PEM.")
    ] = None,
    tls_key: Annotated[Path | None, typer.Option("--tls-key", metavar="FILE", help="Its key, PEM.")] = None,
    behind_proxy: Annotated[
        bool, typer.Option("--behind-proxy", help="A proxy in front speaks HTTPS and says who the client is.")
    ] = False,
    new_token: Annotated[
        bool, typer.Option("--new-token", help="Make another login token, print it, and end.")
    ] = False,
    as_json: AsJson = False,
    env_file: EnvFile = None,
) -> int:
    """Serve the HTTP API and the web page.

    Log in with the token that `botbox init` printed. It ends with Ctrl-C; an order under way is waited for.

    \b
    Examples:
      botbox serve
      botbox serve --host 0.0.0.0 --name desk.example.org --tls-cert chain.pem --tls-key key.pem
      botbox serve --new-token
    """
    from botbox_cli.web.place import checked_place

    session = begin(ctx, as_json, env_file)
    if new_token:
        return _make_token(session)
    place = checked_place(host, port, names=name or [], cert=tls_cert, key=tls_key, behind_proxy=behind_proxy)
    return _serve(session, place)


def _make_token(session: Session) -> int:
    from botbox_cli import bootstrap
    from botbox_cli.services.web_login import another_token

    with bootstrap.web_store(session.settings) as web:
        token = another_token(web, bootstrap.SystemClock())
    if session.console.as_json:
        session.console.document({"web_token": token})
    else:
        session.console.write("token for the page of `botbox serve`, shown only now:")
        session.console.write(token)
        session.console.say("the former token and all sessions have ended")
    return 0


def _serve(session: Session, place: Place) -> int:
    from botbox_cli import bootstrap

    try:
        from botbox_cli.web.server import bound, ready
    except ImportError as e:
        raise ConfigError(
            f"botbox serve needs {e.name or 'a package'}, which is not installed",
            "run `pip install 'botbox[web]'`",
            code="missing_extra",
        ) from e
    settings, console = session.settings, session.console
    is_armed = bootstrap.is_armed(settings)
    with (
        session.wired(moves_money=is_armed, at_once=False) as wiring,
        bootstrap.web_store(settings) as web,
        post_of(session, wiring, every_s=ROUND_EVERY_S),
    ):
        listener, place = bound(place)
        with listener, ready(wiring, web, place, bootstrap.SystemClock()) as server:
            if console.as_json:
                console.document({"url": place.url, "mode": str(settings.mode), "armed": is_armed})
            else:
                console.write(place.url)
                console.say(f"mode {settings.mode}; log in with the token of `botbox init`; Ctrl-C ends it")
                if not is_armed:
                    console.warn("BOTBOX_ARM_LIVE is not set: the page shows, and moves no money")
            console.flush()
            server.run(sockets=[listener])
    console.say("the server has stopped")
    return 0
