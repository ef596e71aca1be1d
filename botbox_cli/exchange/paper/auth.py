"""Who signs a request: key, clock and signature, checked as Bybit does."""

from __future__ import annotations

import hashlib
import hmac

from botbox_cli.exchange.paper.identity import Identity
from botbox_cli.exchange.paper.protocol import Refusal, Request

# How far ahead of the server a request's timestamp may be.
LEAD_MS = 1000


def check_clock(request: Request, now_ms: int) -> None:
    """Refuse a timestamp outside server time − recv_window ≤ timestamp < server time + 1 s."""
    stamp, window = _stamp(request)
    if not now_ms - window <= stamp < now_ms + LEAD_MS:
        raise Refusal(
            10002,
            "invalid request, please check your server timestamp or recv_window param. "
            f"req_timestamp[{stamp}],server_timestamp[{now_ms}],recv_window[{window}]",
        )


def check_signature(request: Request, identity: Identity) -> None:
    """Refuse an unknown key, or a signature that the key's secret did not make of this very request."""
    headers = request.headers
    key, sent = headers.get("X-BAPI-API-KEY"), headers.get("X-BAPI-SIGN")
    if not key or not sent:
        raise Refusal(10001, "Request parameter error: api key or signature is missing", status=401)
    if key != identity.api_key:
        raise Refusal(10003, "API key is invalid.")
    origin = (
        f"{headers.get('X-BAPI-TIMESTAMP')}{key}{headers.get('X-BAPI-RECV-WINDOW') or ''}{request.payload}"
    )
    made = hmac.new(identity.api_secret.encode(), origin.encode(), hashlib.sha256).hexdigest()
    if not hmac.compare_digest(made, sent):
        # As the real host does, the text echoes the key: clients must scrub it.
        raise Refusal(10004, f"error sign! origin_string[{origin}]")


def socket_refusal(args: object, identity: Identity, now_ms: int) -> str | None:
    """Return why the arguments of a socket's `auth` are refused, or None: key, expiry in milliseconds, signature."""
    if not (isinstance(args, list) and len(args) == 3 and str(args[1]).isdigit()):
        return "Params Error"
    key, expires, sent = map(str, args)
    if key != identity.api_key:
        return "API key is invalid."
    if int(expires) <= now_ms:
        return "request expired"
    made = hmac.new(identity.api_secret.encode(), f"GET/realtime{expires}".encode(), hashlib.sha256)
    return None if hmac.compare_digest(made.hexdigest(), sent) else "error sign!"


def _stamp(request: Request) -> tuple[int, int]:
    """Return (timestamp, recv_window) in milliseconds."""
    stamp = request.headers.get("X-BAPI-TIMESTAMP") or ""
    window = request.headers.get("X-BAPI-RECV-WINDOW") or "5000"
    if not (stamp.isdigit() and window.isdigit()):
        raise Refusal(10001, "Request parameter error: timestamp or recv_window", status=401)
    return int(stamp), int(window)
