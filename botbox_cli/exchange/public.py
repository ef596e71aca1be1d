"""Bybit's public market endpoints, plainly: what the paper exchange takes its live prices from."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

from botbox_cli.exchange.session import CONNECT_TIMEOUT_S, READ_TIMEOUT_S, is_loopback


def public_fetch(endpoint: str) -> Callable[[str, Mapping[str, str]], Mapping[str, Any]]:
    """Return a function from (path, query) to the body of the answer, for any number of threads.

    It raises requests' exceptions (OSError) when there is no answer, and ValueError for what is no JSON.
    """
    import requests

    local = threading.local()

    def fetch(path: str, query: Mapping[str, str]) -> Mapping[str, Any]:
        session: requests.Session | None = getattr(local, "session", None)
        if session is None:
            session = local.session = requests.Session()
            session.max_redirects = 0
            session.trust_env = not is_loopback(endpoint)
        with session.get(
            endpoint + path, params=query, timeout=(CONNECT_TIMEOUT_S, READ_TIMEOUT_S)
        ) as answer:
            answer.raise_for_status()
            body: Mapping[str, Any] = answer.json()
            return body

    return fetch
