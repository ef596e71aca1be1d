"""Setups by hand: what is stored, what is rounded, what is refused."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from botbox_cli.domain.account import Mode, Venue
from botbox_cli.domain.setup import SetupStatus
from botbox_cli.errors import ExchangeUnavailable, NotFound, UsageError
from botbox_cli.exchange.paper.clocks import ManualClock
from botbox_cli.services.propose import Proposal, Rounded, propose
from botbox_cli.storage.store import SqlStore
from tests.support.market import Market, instrument

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
LONG = {"entry": "100", "stop": "98", "tp1": "103"}
SHORT = {"entry": "100", "stop": "102", "tp1": "97"}


class Desk(SimpleNamespace):
    """What `propose` uses of a desk."""

    def propose(self, symbol: str = "BTCUSDT", *, note: str = "", **prices: str) -> Proposal:
        levels: Any = {name: Decimal(text) for name, text in prices.items()}
        return propose(self, symbol, note=note, **levels)  # type: ignore[arg-type]

    def refused(self, **prices: str) -> UsageError:
        with pytest.raises(UsageError) as raised:
            self.propose(**prices)
        with self.store.read(self.account) as books:
            assert books.setups() == []
        return raised.value


@pytest.fixture
def desk() -> Iterator[Desk]:
    clock, store = ManualClock(NOW), SqlStore("sqlite://")
    market = Market(clock)
    market.pairs = {name: instrument(name) for name in ("BTCUSDT", "BTCUSDC", "ETHUSDT")}
    market.prices["BTCUSDT"] = Decimal(101)
    account = store.save_account(Mode.PAPER, "1", "hash", Venue.REPLAY)
    yield Desk(store=store, account=account, exchange=market, clock=clock)
    store.close()


def test_target_above_the_entry_makes_a_long(desk: Desk):
    setup = desk.propose(**LONG, tp2="105", note="support").setup

    with desk.store.read(desk.account) as books:
        assert books.setup(setup.id) == setup
    assert (setup.direction, setup.source, setup.kind, setup.timeframe) == ("long", "manual", "MANUAL", "")
    assert (setup.entry_price, setup.stop_loss, setup.take_profit_1, setup.take_profit_2) == (
        100,
        98,
        103,
        105,
    )
    assert (setup.status, setup.note) == (SetupStatus.ACTIVE, "support")
    assert setup.expires_at == NOW + timedelta(hours=24)
    assert (setup.candle_time, setup.atr, setup.signals) == (None, None, ())


def test_target_below_the_entry_makes_a_short(desk: Desk):
    setup = desk.propose(**SHORT).setup

    assert (setup.direction, setup.take_profit_2) == ("short", None)


def test_same_setup_may_be_proposed_twice(desk: Desk):
    assert desk.propose(**LONG).setup.id != desk.propose(**LONG).setup.id


def test_proposal_is_logged(desk: Desk):
    setup = desk.propose(**LONG, note="support").setup

    with desk.store.read(desk.account) as books:
        assert [(e.event, e.detail) for e in books.log_of(setup_id=setup.id)] == [("proposed", "support")]


def test_prices_on_the_tick_are_not_said_to_be_rounded(desk: Desk):
    assert desk.propose(entry="100.10", stop="98.0", tp1="103").rounded == ()


def test_prices_off_the_tick_are_rounded_and_said_so(desk: Desk):
    proposal = desk.propose(entry="100.006", stop="98.001", tp1="103.009", tp2="105.001")

    assert proposal.rounded == (
        Rounded("entry", Decimal("100.006"), Decimal("100.01")),
        Rounded("stop", Decimal("98.001"), Decimal("98.01")),
        Rounded("tp1", Decimal("103.009"), Decimal("103.00")),
        Rounded("tp2", Decimal("105.001"), Decimal("105.00")),
    )
    assert proposal.setup.stop_loss == Decimal("98.01")


def test_short_is_rounded_towards_its_entry_too(desk: Desk):
    proposal = desk.propose(entry="100", stop="102.009", tp1="97.001")

    assert [(r.name, r.used) for r in proposal.rounded] == [
        ("stop", Decimal(102)),
        ("tp1", Decimal("97.01")),
    ]


@pytest.mark.parametrize(
    ("prices", "message"),
    [
        (LONG | {"entry": "0"}, "entry must be above zero, not 0"),
        (LONG | {"stop": "-1"}, "stop must be above zero, not -1"),
        (LONG | {"tp1": "NaN"}, "tp1 is not a price: NaN"),
        (LONG | {"tp2": "Infinity"}, "tp2 is not a price: Infinity"),
        (LONG | {"tp1": "9E+999999"}, "tp1 must be below 1000000000000000, not 9E+999999"),
        (LONG | {"tp1": "100.0"}, "tp1 is the entry price, 100: there is nothing to gain"),
        (LONG | {"stop": "100"}, "the stop of a long must be below its entry 100, not 100"),
        (LONG | {"stop": "101"}, "the stop of a long must be below its entry 100, not 101"),
        (SHORT | {"stop": "99"}, "the stop of a short must be above its entry 100, not 99"),
        (LONG | {"tp2": "102"}, "tp2 102 is nearer than tp1 103"),
    ],
)
def test_prices_that_make_no_trade_are_refused(desk: Desk, prices: dict[str, str], message: str):
    error = desk.refused(**prices)

    assert error.message == message
    assert error.hint
    assert error.exit_code == 2


def test_levels_that_fall_together_on_the_tick_are_refused(desk: Desk):
    error = desk.refused(entry="100.001", stop="99.999", tp1="103")

    assert error.message == "the stop of a long must be below its entry 100.00, not 100.00"
    assert error.hint == "prices of BTCUSDT are multiples of 0.01"


def test_price_below_half_a_tick_is_refused(desk: Desk):
    assert desk.refused(entry="0.004", stop="0.001", tp1="0.02").message.startswith(
        "a price must be above zero"
    )


def test_unknown_symbol_is_refused_with_the_nearest(desk: Desk):
    with pytest.raises(NotFound, match="no such symbol: 'BTCUSTD'") as raised:
        desk.propose("BTCUSTD", **LONG)

    assert raised.value.hint == "did you mean BTCUSDT or BTCUSDC?"


def test_recorded_symbol_needs_no_exchange(desk: Desk):
    desk.store.save_instruments(Venue.REPLAY, [instrument("BTCUSDT")], NOW)
    desk.exchange.down = ExchangeUnavailable("Bybit can't be reached")

    proposal = desk.propose(**LONG)

    assert proposal.remarks == ()


def test_unrecorded_symbol_without_the_exchange_is_unavailable(desk: Desk):
    desk.exchange.down = ExchangeUnavailable("Bybit can't be reached")

    with pytest.raises(ExchangeUnavailable):
        desk.propose(**LONG)


def test_symbol_learnt_from_the_exchange_is_saved(desk: Desk):
    desk.propose(**LONG)

    assert desk.store.instrument(Venue.REPLAY, "BTCUSDT") == instrument("BTCUSDT")


@pytest.mark.parametrize(
    ("market", "remark"),
    [
        ("90", "entry 100 is 11.1 % above the market at 90"),
        ("1000", "entry 100 is 90.0 % below the market at 1000"),
    ],
)
def test_entry_far_from_the_market_is_allowed_but_remarked_upon(desk: Desk, market: str, remark: str):
    desk.exchange.prices["BTCUSDT"] = Decimal(market)

    proposal = desk.propose(**LONG)

    assert proposal.remarks == (remark,)
    assert proposal.setup.id


def test_entry_near_the_market_passes_without_a_word(desk: Desk):
    assert desk.propose(**LONG).remarks == ()
