"""A setup by hand."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from botbox_cli.domain.instrument import Instrument
from botbox_cli.domain.number import HUNDRED, plain
from botbox_cli.domain.setup import SETUP_LIFE, Direction, Setup, SetupSource
from botbox_cli.errors import ExchangeRejected, ExchangeUnavailable, UsageError
from botbox_cli.ports import LogEntry
from botbox_cli.services.desk import Desk
from botbox_cli.services.lookup import unknown_symbol

MANUAL = "MANUAL"
"""The kind of a setup by hand. Its timeframe is empty: it came from no candle."""
FAR_PERCENT = Decimal(10)
"""An entry further than this from the market is allowed, but remarked upon: it may be a slip of the finger."""
PRICE_MAX = Decimal(10) ** 15

_FIELDS = {
    "entry": "entry_price",
    "stop": "stop_loss",
    "tp1": "take_profit_1",
    "tp2": "take_profit_2",
}


@dataclass(frozen=True, slots=True)
class Rounded:
    """A price that was not on the tick: its name (`entry`, `stop`, `tp1`, `tp2`), as given, and as used."""

    name: str
    given: Decimal
    used: Decimal


@dataclass(frozen=True, slots=True)
class Proposal:
    """The stored setup, what was rounded, and `remarks` that the person should read."""

    setup: Setup
    rounded: tuple[Rounded, ...]
    remarks: tuple[str, ...]


def propose(
    desk: Desk,
    symbol: str,
    *,
    entry: Decimal,
    stop: Decimal,
    tp1: Decimal,
    tp2: Decimal | None = None,
    note: str = "",
) -> Proposal:
    """Store a setup by hand; a target above the entry makes it a long, one below it a short.

    Prices are put on the tick: the entry on the nearest, stop and targets on the one nearer to the entry.

    Raises:
        UsageError: For a price that is none, or on the wrong side.
        NotFound: For a symbol that the exchange does not trade.
        ExchangeUnavailable: If the symbol is not recorded yet and the exchange can't be asked for it.
    """
    given = {"entry": entry, "stop": stop, "tp1": tp1} | ({} if tp2 is None else {"tp2": tp2})
    _check_prices(given)
    instrument = _instrument(desk, symbol)
    now = desk.clock.now()
    wanted = Setup(
        symbol=symbol,
        timeframe="",
        kind=MANUAL,
        direction=Direction.LONG if tp1 > entry else Direction.SHORT,
        source=SetupSource.MANUAL,
        entry_price=entry,
        stop_loss=stop,
        take_profit_1=tp1,
        take_profit_2=tp2,
        detected_at=now,
        expires_at=now + SETUP_LIFE,
        note=note,
    )
    _check_levels(wanted, f"give entry, stop and targets as prices of {symbol}")
    setup = wanted.rounded(instrument)
    _check_levels(setup, f"prices of {symbol} are multiples of {plain(instrument.tick_size)}")
    remarks = _remarks(desk, setup)
    with desk.store.write(desk.account) as books:
        stored = books.add_setup(setup)
        assert stored is not None, "a setup without a candle is never a duplicate"
        books.log(LogEntry(now, "proposed", note, setup_id=stored.id))
    rounded = [Rounded(name, price, getattr(setup, _FIELDS[name])) for name, price in given.items()]
    return Proposal(stored, tuple(r for r in rounded if r.given != r.used), remarks)


def _check_prices(given: dict[str, Decimal]) -> None:
    for name, price in given.items():
        if not price.is_finite():
            raise UsageError(f"{name} is not a price: {price}", "write it like 61250.5")
        if not 0 < price < PRICE_MAX:
            bound = "above zero" if price <= 0 else f"below {plain(PRICE_MAX)}"
            raise UsageError(f"{name} must be {bound}, not {price}", "write it like 61250.5")
    if given["entry"] == given["tp1"]:
        raise UsageError(
            f"tp1 is the entry price, {plain(given['entry'])}: there is nothing to gain",
            "a tp1 above the entry makes a long, below it a short",
        )


def _check_levels(setup: Setup, hint: str) -> None:
    fault = setup.level_fault()
    if fault is not None:
        raise UsageError(fault, hint)


def _instrument(desk: Desk, symbol: str) -> Instrument:
    """Return the instrument as recorded, else as the exchange knows it."""
    recorded = desk.store.instrument(desk.account.venue, symbol)
    if recorded is not None:
        return recorded
    traded = desk.exchange.instruments()
    if symbol not in traded:
        raise unknown_symbol(symbol, traded)
    desk.store.save_instruments(desk.account.venue, traded.values(), desk.clock.now())
    return traded[symbol]


def _remarks(desk: Desk, setup: Setup) -> tuple[str, ...]:
    """Return a remark if the entry is far from the market; none if the market can't be seen now."""
    try:
        quote = desk.exchange.quotes([setup.symbol]).get(setup.symbol)
    except (ExchangeUnavailable, ExchangeRejected):
        quote = None
    if quote is None or not quote.last:
        return ()
    percent = (setup.entry_price / quote.last - 1) * HUNDRED
    if abs(percent) <= FAR_PERCENT:
        return ()
    side = "above" if percent > 0 else "below"
    return (
        f"entry {plain(setup.entry_price)} is {abs(percent):.1f} % {side} the market at {plain(quote.last)}",
    )
