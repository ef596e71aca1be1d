"""Entries of the log as messages to a person: setup found, entered, target, stopped out, closed, alarms."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from botbox_cli.domain.number import plain
from botbox_cli.domain.setup import Setup, SetupStatus
from botbox_cli.domain.trade import SOLD_OUTSIDE, STOP_LOSS_HIT, TAKE_PROFIT_HIT
from botbox_cli.errors import NotFound
from botbox_cli.ports import LogEntry, Message
from botbox_cli.services import alarms
from botbox_cli.services.card import Card, card
from botbox_cli.services.desk import Desk
from botbox_cli.services.leave import TP1_TAKEN
from botbox_cli.services.links import make_links
from botbox_cli.services.trades import TradeView, one_trade

Painter = Callable[[int], bytes | None]
"""From a setup's id to its chart as a PNG; None where there is nothing to draw or nothing to draw with."""

CLOSED_TITLES = {
    STOP_LOSS_HIT: "Stopped out",
    TAKE_PROFIT_HIT: "Target hit",
    SOLD_OUTSIDE: "Sold outside botbox",
}


def is_news(entry: LogEntry) -> bool:
    """Tell whether an entry is worth a message."""
    if entry.event == "reopened":
        return entry.detail == TP1_TAKEN
    return entry.event in ("detected", "opened", "closed", alarms.EVENT, alarms.OVER_EVENT)


def is_urgent(entry: LogEntry) -> bool:
    """Tell whether an entry may break the quiet."""
    return bool((entry.data or {}).get("is_urgent"))


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes messages. `public_url` is where `botbox serve` is reached: with it, a setup comes with its links."""

    desk: Desk
    paint: Painter
    public_url: str | None = None

    def message(self, entry: LogEntry) -> Message | None:
        """Return what a person should hear of an entry that is news; None if it has become idle meanwhile."""
        if entry.setup_id is not None:
            return self._found(entry.setup_id)
        if entry.trade_id is not None:
            return self._traded(entry, entry.trade_id)
        return Message(entry.detail, (entry.data or {}).get("body", ""), is_urgent(entry))

    def _found(self, setup_id: int) -> Message | None:
        try:
            seen = card(self.desk, setup_id)
        except NotFound:
            return None
        setup = seen.setup
        if setup.status is not SetupStatus.ACTIVE or setup.expires_at <= self.desk.clock.now():
            return None  # decided or over meanwhile
        lines = [*_setup_lines(setup), *_card_lines(seen), *self._link_lines(setup)]
        title = f"Setup {setup.id}: {setup.symbol} {setup.direction}"
        return Message(title, "\n".join(lines), picture=self.paint(setup_id))

    def _link_lines(self, setup: Setup) -> Iterator[str]:
        if self.public_url is None:
            return
        for action, token in make_links(self.desk, setup).items():
            yield f"{action.capitalize()}: {self.public_url}/link/{token}"

    def _traded(self, entry: LogEntry, trade_id: int) -> Message:
        shown, _, _ = one_trade(self.desk.store, self.desk.account, trade_id)
        trade = shown.trade
        what = {"opened": "Entered", "reopened": "Target 1 hit"}.get(
            entry.event, CLOSED_TITLES.get(entry.detail, entry.detail)
        )
        return Message(
            f"{what}: trade {trade.id} {trade.symbol} {trade.direction}", _trade_body(shown, entry)
        )


def _setup_lines(setup: Setup) -> Iterator[str]:
    def away(level: Any) -> str:
        return f"{plain(level)} ({(level / setup.entry_price - 1) * 100:+.2f} %)"

    targets = [t for t in (setup.take_profit_1, setup.take_profit_2) if t is not None]
    yield f"{setup.kind} on {setup.timeframe}, expires {setup.expires_at:%Y-%m-%d %H:%M} UTC"
    yield f"entry {plain(setup.entry_price)}, stop {away(setup.stop_loss)}"
    yield f"target {', '.join(away(t) for t in targets)}"
    yield ", ".join(f"{s.type} {s.value:.6g}" for s in setup.signals)


def _card_lines(seen: Card) -> Iterator[str]:
    if seen.quote is not None:
        yield f"price {plain(seen.quote.bid)} / {plain(seen.quote.ask)}"
    if seen.sizing is not None:
        s = seen.sizing
        yield f"size {plain(s.qty)} for {s.value:.2f}, risk {s.risk:.2f} = {s.risk_percent:.2f} % of equity"
    if seen.past is not None:
        for name, tally in ((seen.setup.symbol, seen.past.symbol), ("all symbols", seen.past.all_symbols)):
            yield f"like it, {name}: {_tally(tally)}"
    elif seen.past_error is not None:
        yield f"no statistics: {seen.past_error.message}"
    yield from (f"against it: {why.message}" for why in seen.against)


def _tally(tally: Any) -> str:
    s = tally.summary
    if s is None:
        return f"{tally.n} ended, too few for a rate"
    return (
        f"{tally.n} ended, {s.hit_rate:.0%} won ({s.hit_low:.0%} to {s.hit_high:.0%}), "
        f"{s.expectancy:+.2f} R ({s.expectancy_low:+.2f} to {s.expectancy_high:+.2f})"
    )


def _trade_body(shown: TradeView, entry: LogEntry) -> str:
    trade, position, pnl = shown.trade, shown.position, shown.pnl
    if entry.event == "closed":
        # A late fill may open a closed trade again; then there is no result to tell yet.
        result = [] if pnl.pnl is None else [f"P&L {pnl.pnl:+.2f} {trade.quote_coin}{_r(pnl.r_multiple)}"]
        return "\n".join([entry.detail, *result])
    levels = f"stop {plain(trade.stop_loss)}, target {plain(trade.take_profit_1)}"
    if entry.event == "reopened":
        return f"{TP1_TAKEN}\n{plain(position.held)} {trade.base_coin} held, {levels}"
    price = "" if position.entry_price is None else f" at {position.entry_price:.8g}"
    return f"{plain(position.entered)} {trade.base_coin}{price}\n{levels}"


def _r(r_multiple: Any) -> str:
    return "" if r_multiple is None else f", {r_multiple:+.2f} R"


def headline(entry: LogEntry) -> str:
    """Return an entry in one line, for a summary of many."""
    about = "" if entry.setup_id is None else f"setup {entry.setup_id} "
    about += "" if entry.trade_id is None else f"trade {entry.trade_id} "
    return f"{entry.at:%m-%d %H:%M} UTC: {about}{entry.event} {entry.detail}".rstrip()
