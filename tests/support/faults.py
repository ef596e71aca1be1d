"""Faults for a `World`, written down one by one: which request, which time, what happens to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pybit.exceptions import FailedRequestError, InvalidRequestError

from botbox_cli.exchange.paper.transport import as_network_error
from tests.support.world import World

Send = Callable[[], Any]
Action = Callable[[Send], Any]


@dataclass
class _Rule:
    name: str
    action: Action
    link: str
    skip: int
    times: float
    params: Mapping[str, Any]
    where: Callable[[Mapping[str, Any]], bool]

    def matches(self, name: str, params: Mapping[str, Any]) -> bool:
        return (
            name in self.name.split()
            and self.link in str(params.get("orderLinkId", ""))
            and all(params.get(key) == value for key, value in self.params.items())
            and self.where(params)
        )


class Faults:
    """Stands before a world's session. The first rule that matches a request and is not used up befalls it."""

    def __init__(self, world: World) -> None:
        self._rules: list[_Rule] = []
        self.met: list[str] = []
        world.session.hook = self._meet

    def on(
        self,
        name: str,
        action: Action,
        *,
        link: str = "",
        skip: int = 0,
        times: float = 1,
        params: Mapping[str, Any] | None = None,
        where: Callable[[Mapping[str, Any]], bool] = lambda _: True,
    ) -> None:
        """Let `action` befall requests of these names (pybit's, separated by blanks), after `skip` of them."""
        self._rules.append(_Rule(name, action, link, skip, times, params or {}, where))

    def clear(self) -> None:
        """Let everything work again."""
        self._rules.clear()

    def _meet(self, name: str, params: dict[str, Any], send: Send) -> Any:
        for rule in self._rules:
            if not rule.matches(name, params):
                continue
            if rule.skip > 0:
                rule.skip -= 1
            elif rule.times > 0:
                rule.times -= 1
                self.met.append(name)
                return rule.action(send)
        return send()


READS = "get_open_orders get_order_history get_executions get_tickers get_wallet_balance get_instruments_info"
LOOK_UPS = "get_open_orders get_order_history get_executions"


def code(number: int, text: str = "fault") -> Action:
    """The exchange answers this retCode and does nothing."""

    def act(send: Send) -> Any:
        raise InvalidRequestError(request="", message=text, status_code=number, time="", resp_headers={})

    return act


def code_after(number: int) -> Action:
    """The exchange does what it was asked, and answers this retCode."""
    return after(code(number))


def http(status: int) -> Action:
    """A gateway answers this HTTP status; the request never got further."""

    def act(send: Send) -> Any:
        raise FailedRequestError(
            request="", message="HTTP status code is not 200.", status_code=status, time="", resp_headers={}
        )

    return act


def no_json(send: Send) -> Any:
    """The answer is no JSON; the request was done."""
    send()
    raise FailedRequestError(
        request="JSON decoding",
        message="Conflict. Could not decode JSON.",
        status_code=409,
        time="",
        resp_headers=None,
    )


def nothing(send: Send) -> Any:
    """A look-up is answered that there is no such thing."""
    return {"retCode": 0, "retMsg": "OK", "result": {"category": "spot", "list": [], "nextPageCursor": ""}}


def broken(how: str) -> Action:
    """The connection breaks before the request arrives: `timeout`, `reset`, `refused` or `truncated`."""

    def act(send: Send) -> Any:
        raise as_network_error(how)

    return act


def silence(world: World) -> Action:
    """Nothing is answered, and the request never arrives: it is waited for as long as a request is waited for."""

    def act(send: Send) -> Any:
        world.pass_time(world.session.patience_s)
        raise as_network_error("timeout")

    return act


def after(then: Action) -> Action:
    """The request is done; then something else is answered."""

    def act(send: Send) -> Any:
        send()
        return then(send)

    return act


def first(do: Callable[[], Any]) -> Action:
    """Something happens in the world before the request arrives, which then is answered as ever."""

    def act(send: Send) -> Any:
        do()
        return send()

    return act


def then(do: Callable[[], Any]) -> Action:
    """Something happens in the world between the exchange's answer and its arrival here."""

    def act(send: Send) -> Any:
        answer = send()
        do()
        return answer

    return act
