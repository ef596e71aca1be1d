"""Fees in a third coin: what they were worth is found out once its price can be had."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import pytest

from botbox_cli.exchange.paper.bundled import instrument_rows
from botbox_cli.exchange.paper.terms import Terms
from botbox_cli.services.monitor import monitor
from botbox_cli.services.trades import one_trade
from tests.support.faults import Faults, http
from tests.support.verdict import settle, tell_close, tell_execute, told_truly, truth
from tests.support.world import World, a_world

MNT = {**instrument_rows()[0], "symbol": "MNTUSDT", "baseCoin": "MNT"}


@pytest.fixture
def world() -> Iterator[World]:
    """Fees are taken in MNT, as the owner has switched on."""
    balances = {"USDT": Decimal(10000), "MNT": Decimal(1000)}
    prices: dict[str, Decimal | str] = {"BTCUSDT": "60000", "MNTUSDT": "0.7"}
    with a_world(balances=balances, prices=prices, terms=Terms(fee_in_mnt=True)) as made:
        made.market._rows.append(MNT)
        yield made


def fees_of(world: World, trade_id: int) -> list[Decimal | None]:
    _, book, _ = one_trade(world.store, world.account, trade_id)
    return [f.fees_quote for f in book.fills]


def test_bought_coins_are_all_there_when_the_fee_is_paid_in_another_coin(world: World) -> None:
    told = told_truly(world, lambda: tell_execute(world.desk, world.add_setup().id))

    bought = truth(world).by_link["bb-test01-1-entry1"].filled
    assert told.exit_code == 0
    assert truth(world).by_link["bb-test01-1-stop1"].qty == bought
    assert settle(world) == []


def test_fee_is_worth_what_its_coin_costs(world: World) -> None:
    told = tell_execute(world.desk, world.add_setup().id)
    told_truly(world, lambda: tell_close(world.desk, told.trade_id or 0))

    view, book, _ = one_trade(world.store, world.account, told.trade_id or 0)
    worth = [amount * Decimal("0.7") for f in book.fills for coin, amount in f.fees if coin == "MNT"]
    assert [f.fees_quote for f in book.fills] == worth
    assert view.pnl.fees == sum(worth)
    assert settle(world) == []


@pytest.mark.parametrize("hours", [0, 5])
@pytest.mark.parametrize("is_closed", [False, True], ids=["open", "closed"])
def test_fee_whose_price_could_not_be_had_is_valued_by_a_later_pass(
    world: World, is_closed: bool, hours: int
) -> None:
    faults = Faults(world)
    faults.on("get_tickers", http(502), times=99, params={"symbol": "MNTUSDT"})
    told = tell_execute(world.desk, world.add_setup().id)
    if is_closed:
        tell_close(world.desk, told.trade_id or 0)
    assert None in fees_of(world, told.trade_id or 0)
    faults.clear()
    world.pass_time(hours * 3600)

    monitor(world.desk)

    assert None not in fees_of(world, told.trade_id or 0)
    assert settle(world) == []
