"""The situations that commands are killed in: how each comes about, by real commands, and what is run in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal

from sqlalchemy import text

from botbox_cli.exchange.paper.faults import FaultSchedule, Rule
from botbox_cli.exchange.paper.protocol import to_ms
from tests.support.stage import START, HttpStage, Stage

MONITOR = ("monitor", "--once", "--json")
RECONCILE = ("reconcile", "--apply", "--json")
OWN = {"BTC": Decimal("0.5"), "ETH": Decimal(1)}
"""What the account owns beside; botbox did not buy it and must never sell it."""


@dataclass(frozen=True)
class Situation:
    """What is prepared, the command that meets it, and how that ends when nobody kills it.

    Attributes:
        action: What a pass must report of trade 1, or "" if the command is no pass.
        ways: The ways to the exchange on which it can be brought about.
        owns: Coins that the account holds of its own.
    """

    name: str
    argv: tuple[str, ...]
    prepare: Callable[[Stage], None]
    action: str = ""
    settings: dict[str, str] = field(default_factory=dict)
    ways: tuple[str, ...] = ("http", "paper")
    owns: Mapping[str, Decimal] = field(default_factory=lambda: OWN)

    @property
    def enters(self) -> bool:
        """Whether the command enters a position, and may be given again if the entry never landed."""
        return self.argv[0] in ("approve", "execute")


def propose(stage: Stage, fate: str = "stay", symbol: str = "BTCUSDT", *, approve: bool = False) -> None:
    """Propose a setup by hand."""
    words = [word for name, price in stage.levels(fate, symbol).items() for word in (f"--{name}", price)]
    stage.must("propose", symbol, *words)
    if approve:
        stage.must("approve", str(number_of_setups(stage)))


def number_of_setups(stage: Stage) -> int:
    """Return the id of the newest setup."""
    setups = stage.must("setups", "--status", "all", "--json").document["setups"]
    return max(int(setup["id"]) for setup in setups)


def trade(stage: Stage, fate: str = "stay", symbol: str = "BTCUSDT") -> None:
    """Open a trade that is going to meet its fate."""
    propose(stage, fate, symbol)
    stage.must("approve", str(number_of_setups(stage)), "--execute")


def met(fate: str) -> Callable[[Stage], None]:
    """A trade that has just met its fate."""

    def prepare(stage: Stage) -> None:
        trade(stage, fate)
        stage.meet(fate, "BTCUSDT")

    return prepare


def stop_gone(stage: Stage) -> None:
    """A trade whose stop was cancelled by hand."""
    trade(stage)
    stage.pass_time(60)
    [stop] = [o for o in stage.case().truth.orders if o.is_open]
    stage.by_hand("order/cancel", symbol="BTCUSDT", orderLinkId=stop.link, orderFilter="tpslOrder")


def stop_filled_in_part(stage: Stage) -> None:
    """A stop that has fired and sold half of it."""
    assert isinstance(stage, HttpStage)
    rule = Rule("partial_fill", path="/v5/order/create", link="-stop", fraction="0.5")
    stage.host.sandbox.faulty.schedule = FaultSchedule([rule])
    trade(stage, "stop")
    stage.meet("stop", "BTCUSDT")


def left_closing(stage: Stage) -> None:
    """A close that died when the stop was gone and nothing sold yet."""
    trade(stage)
    stage.pass_time(60)
    assert stage.run("close", "1", fault="kill=-exit1").code == -9


def stop_forgotten(stage: Stage) -> None:
    """A trade whose stop rests on the exchange, but not in the books, as after a backup was put back."""
    trade(stage)
    with stage.store() as store, store.database.writing() as connection:
        connection.execute(text("DELETE FROM orders WHERE role = 'stop'"))


def two_approved(stage: Stage) -> None:
    propose(stage, approve=True)
    propose(stage, symbol="ETHUSDT", approve=True)


def two_trades(stage: Stage) -> None:
    """Two trades: one at its target, the other without a stop."""
    trade(stage, "target")
    trade(stage, "stay", "ETHUSDT")
    stop = next(o for o in stage.case().truth.orders if o.is_open and o.symbol == "ETHUSDT")
    stage.by_hand("order/cancel", symbol="ETHUSDT", orderLinkId=stop.link, orderFilter="tpslOrder")
    stage.meet("target", "BTCUSDT")


def two_open(stage: Stage) -> None:
    trade(stage)
    trade(stage, symbol="ETHUSDT")


def recorded(stage: Stage) -> None:
    """A trade at its target, and an hour of candles to fetch for the scheduled job."""
    trade(stage, "target")
    stage.meet("target", "BTCUSDT")
    if isinstance(stage, HttpStage):
        hours = [START - timedelta(hours=n) for n in range(30)]
        rows = [[str(to_ms(at)), "60000", "60100", "59900", "60000", "5", "300000"] for at in hours]
        stage.market.set_klines("BTCUSDT", "60", rows)


def margin_on(stage: Stage) -> None:
    stage.by_hand("spot-margin-trade/switch-mode", spotMarginMode="1")


def short_approved(stage: Stage) -> None:
    margin_on(stage)
    levels = {"entry": "60000", "stop": "62000", "tp1": "58000"}
    stage.must("propose", "BTCUSDT", *(word for n, p in levels.items() for word in (f"--{n}", p)))
    stage.must("approve", "1")


def short_open(stage: Stage) -> None:
    short_approved(stage)
    stage.must("execute", "1")
    stage.pass_time(7200)


def short_at_target(stage: Stage) -> None:
    assert isinstance(stage, HttpStage)
    short_open(stage)
    stage.set_price("BTCUSDT", "57900")
    stage.pass_time(60)


HALF = {"BOTBOX_TP1_FRACTION": "0.5"}
SHORTS = {"BOTBOX_SHORTS": "margin"}
NOTHING: Mapping[str, Decimal] = {}

SITUATIONS = (
    Situation("approve and execute", ("approve", "1", "--execute", "--json"), propose),
    Situation("execute", ("execute", "1", "--json"), lambda stage: propose(stage, approve=True)),
    Situation("execute all approved", ("execute", "--approved", "--json"), two_approved),
    Situation("stop gone", MONITOR, stop_gone, "stop_armed"),
    Situation("target reached", MONITOR, met("target"), "closed"),
    Situation("first target reached", MONITOR, met("target"), "partly_closed", HALF),
    Situation("stop fired", MONITOR, met("stop"), "closed"),
    Situation("stop fired with a rest", MONITOR, stop_filled_in_part, "closed", ways=("http",)),
    Situation("close left over", MONITOR, left_closing, "closed"),
    Situation("two trades", MONITOR, two_trades, "closed", ways=("http",)),
    Situation("close", ("close", "1", "--json"), trade),
    Situation("the scheduled job", ("run", "--once", "--json"), recorded),
    Situation("halt", ("halt", "--json"), trade),
    Situation("halt and flatten", ("halt", "--flatten", "--json"), two_open, ways=("http",)),
    Situation("reconcile a missing stop", RECONCILE, stop_gone),
    Situation("reconcile a fill", RECONCILE, met("stop")),
    Situation("reconcile a lost order", RECONCILE, stop_forgotten),
    Situation("execute a short", ("execute", "1", "--json"), short_approved, "", SHORTS, ("http",), NOTHING),
    Situation("short at its target", MONITOR, short_at_target, "closed", SHORTS, ("http",), NOTHING),
    Situation("close a short", ("close", "1", "--json"), short_open, "", SHORTS, ("http",), NOTHING),
)
