"""pybit's session as botbox uses it: one attempt a request, a pinned timestamp, no secret in sight.

pybit is imported when the first request is made, not before: many commands end without one.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from botbox_cli.domain.account import Mode
from botbox_cli.domain.candle import to_ms

if TYPE_CHECKING:
    from pybit.unified_trading import HTTP
    from requests import PreparedRequest
    from requests.adapters import BaseAdapter

    from botbox_cli.exchange.limiter import Limiter
    from botbox_cli.ports import Clock

CONNECT_TIMEOUT_S = 3.0
READ_TIMEOUT_S = 5.0
RECV_WINDOW_S = 5.0


class Session(Protocol):
    """What `BybitExchange` calls: pybit's method names, parameters, answers and exceptions.

    `timestamp` (UTC milliseconds) is botbox's own: the X-BAPI-TIMESTAMP of that very request.
    """

    def wait_at_most(self, seconds: float) -> None:
        """Bound the wait for each answer from now on, in this thread."""
        ...

    def get_server_time(self) -> Any: ...

    def get_instruments_info(self, **params: Any) -> Any: ...

    def get_kline(self, **params: Any) -> Any: ...

    def get_tickers(self, **params: Any) -> Any: ...

    def get_api_key_information(self) -> Any: ...

    def get_wallet_balance(self, **params: Any) -> Any: ...

    def get_fee_rates(self, **params: Any) -> Any: ...

    def place_order(self, *, timestamp: int, **params: Any) -> Any: ...

    def cancel_order(self, **params: Any) -> Any: ...

    def get_open_orders(self, **params: Any) -> Any: ...

    def get_order_history(self, **params: Any) -> Any: ...

    def get_executions(self, **params: Any) -> Any: ...

    def spot_margin_trade_get_status_and_leverage(self) -> Any: ...

    def manual_no_convert_repay(self, **params: Any) -> Any: ...


@dataclass(frozen=True, slots=True)
class Access:
    """Where requests go and how they are signed.

    Args:
        endpoint: Base of the host, such as `http://127.0.0.1:8800`; the mode's own if empty.
        adapter: Carries requests instead of the network (the paper exchange).
        limiter: Shared by every session of the process.
    """

    mode: Mode
    key: str = field(default="", repr=False)
    secret: str = field(default="", repr=False)
    endpoint: str = ""
    adapter: BaseAdapter | None = None
    limiter: Limiter | None = None
    recv_window_s: float = RECV_WINDOW_S

    @property
    def secrets(self) -> tuple[str, ...]:
        """Return the texts that may appear nowhere."""
        return tuple(text for text in (self.key, self.secret) if text)


class PerThread:
    """A `Session` for any number of threads: each gets its own, made on its first request.

    requests does not promise that one session may be shared.
    """

    def __init__(self, make: Callable[[], Session]) -> None:
        self._make = make
        self._local = threading.local()
        self._lock = threading.Lock()
        self._made: list[Session] = []

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._mine(), name)

    def _mine(self) -> Session:
        session: Session | None = getattr(self._local, "session", None)
        if session is None:
            session = self._local.session = self._make()
            with self._lock:
                self._made.append(session)
        return session

    def close(self) -> None:
        """Close the connections of all threads; a later request opens new ones."""
        with self._lock:
            for session in self._made:
                session.client.close()  # type: ignore[attr-defined]  # pybit's requests session.


def open_session(access: Access, clock: Clock) -> PerThread:
    """Return a session for all threads; nothing is imported, connected or sent yet."""
    return PerThread(lambda: make_http(access, clock))


def make_http(access: Access, clock: Clock) -> HTTP:
    """Return a pybit session for one thread."""
    with _making:
        from botbox_cli.exchange.carrier import Carrier  # Here, so that no two threads import it at once.

        http = _http_class()(
            testnet=access.mode is Mode.TESTNET,
            demo=access.mode is Mode.DEMO,
            api_key=access.key or None,
            api_secret=access.secret or None,
            timeout=(CONNECT_TIMEOUT_S, READ_TIMEOUT_S),
            recv_window=int(access.recv_window_s * 1000),
            force_retry=False,
            max_retries=1,
            # A dummy: an empty set is replaced by pybit's own, which hides the code that Bybit sent.
            retry_codes={-1},
            retry_delay=0,
        )
        silence()
    http.pin(clock, access.limiter)
    if access.endpoint:
        http.endpoint = access.endpoint.rstrip("/")
    client = http.client
    # A redirect would carry the key to another host and could send an order twice.
    client.max_redirects = 0
    if access.adapter is not None or is_loopback(http.endpoint):
        client.trust_env = False  # No proxy of the environment stands between.
    carrier = access.adapter or Carrier(pool_connections=10, pool_maxsize=10, max_retries=0)
    client.mount("https://", carrier)
    client.mount("http://", carrier)
    return http


_making = threading.Lock()


def load() -> None:
    """Import what requests and sockets need: two threads that do so at once may see each other's modules half-made."""
    _http_class()


def _http_class() -> Any:
    """Return pybit's HTTP with a timestamp that can be pinned, a limiter, and a repr without secrets."""
    global _pinned_http  # noqa: PLW0603  # Made once, when pybit is first needed.
    if _pinned_http is None:
        from pybit.unified_trading import HTTP

        class PinnedHTTP(HTTP):  # type: ignore[misc]  # pybit has no types.
            """One thread's session. Written against pybit 5.17's `_submit_request` and `_prepare_headers`."""

            def pin(self, clock: Clock, limiter: Limiter | None) -> None:
                """Take time and pace from outside."""
                self._clock, self._limiter = clock, limiter
                self._timestamp: int | None = None
                self._blanks: dict[str, PreparedRequest] = {}

            def wait_at_most(self, seconds: float) -> None:
                self.timeout = (min(CONNECT_TIMEOUT_S, seconds), min(READ_TIMEOUT_S, seconds))

            def place_order(self, *, timestamp: int, **params: Any) -> Any:
                self._timestamp = timestamp
                try:
                    return super().place_order(**params)
                finally:
                    self._timestamp = None

            def _submit_request(
                self,
                method: str | None = None,
                path: str | None = None,
                query: Any = None,
                auth: bool = False,
            ) -> Any:
                if self._limiter is None:
                    return super()._submit_request(method, path, query, auth)
                with self._limiter.slot(urlsplit(path or "").path):
                    return super()._submit_request(method, path, query, auth)

            def _prepare_request(
                self, method: str, path: str, params: str, headers: dict[str, str]
            ) -> PreparedRequest:
                """As pybit's, but with what is the same for each order made once: it costs more than the signature."""
                if method != "POST" or self.client.cookies:
                    prepared: PreparedRequest = super()._prepare_request(method, path, params, headers)
                    return prepared
                blank = self._blanks.get(path)
                if blank is None:
                    blank = self._blanks[path] = super()._prepare_request(method, path, None, {})
                request = blank.copy()
                request.headers.update(headers)
                request.prepare_body(params, None)
                return request

            def _prepare_headers(
                self, payload: str, recv_window: int, content_type: str = "application/json"
            ) -> dict[str, str]:
                """As pybit's, but with the pinned time, or the injected clock's; pybit asks the machine's."""
                timestamp = self._timestamp if self._timestamp is not None else to_ms(self._clock.now())
                return {
                    "Content-Type": content_type,
                    "X-BAPI-API-KEY": self.api_key,
                    "X-BAPI-SIGN": self._auth(payload, recv_window, timestamp),
                    "X-BAPI-SIGN-TYPE": "2",
                    "X-BAPI-TIMESTAMP": str(timestamp),
                    "X-BAPI-RECV-WINDOW": str(recv_window),
                }

            def _check_status_code(self, response: Any, method: str, path: str, params: Any) -> None:
                if self._limiter is not None:
                    self._limiter.observe(urlsplit(path).path, response.headers)
                super()._check_status_code(response, method, path, params)

            def __repr__(self) -> str:
                return f"{type(self).__name__}({self.endpoint})"

        _pinned_http = PinnedHTTP
    return _pinned_http


_pinned_http: Any = None


def silence() -> None:
    """Take the voice of the libraries: what fails is raised, and pybit's lines may hold requests.

    pybit adds a handler to its logger with every session while the root logger has none.
    """
    for name in ("pybit", "pybit._http_manager", "urllib3", "websocket"):
        logger = logging.getLogger(name)
        logger.handlers[:] = [logging.NullHandler()]
        logger.propagate = False
        logger.setLevel(logging.CRITICAL + 1)


def is_loopback(endpoint: str) -> bool:
    """Tell whether a base address is this machine's."""
    host = urlsplit(endpoint).hostname or ""
    return host in ("localhost", "::1") or host.startswith("127.")
