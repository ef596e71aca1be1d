from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from botbox_cli.domain.account import Account, Halt
from botbox_cli.domain.order import OrderStatus, Role
from botbox_cli.domain.setup import LIVING, SetupSource, SetupStatus
from botbox_cli.domain.trade import LIVING_TRADES, Trade, TradeStatus
from botbox_cli.errors import Conflict, NotFound
from botbox_cli.ports import LogEntry
from botbox_cli.storage.books import SqlBooks
from botbox_cli.storage.store import SqlStore
from tests.support.books import NOW, a_fill, a_setup, a_trade, an_order


def stored_trade(books: SqlBooks, *, hour: int = 0, **fields: Any) -> Trade:
    setup = books.add_setup(a_setup(candle_time=NOW + timedelta(hours=hour)))
    assert setup is not None
    return books.add_trade(a_trade(setup, **fields))


# -- setups


def test_setup_comes_back_as_it_was_stored(store: SqlStore, account: Account) -> None:
    with store.write(account) as books:
        stored = books.add_setup(a_setup())

    assert stored is not None
    assert stored == replace(a_setup(), id=stored.id)
    with store.read(account) as books:
        assert books.setup(stored.id) == stored
        assert books.setups() == [stored]


def test_setup_by_hand_without_optional_fields_comes_back_as_it_was(
    store: SqlStore, account: Account
) -> None:
    bare = a_setup(
        source=SetupSource.MANUAL, take_profit_2=None, candle_time=None, atr=None, rule="", signals=()
    )

    with store.write(account) as books:
        stored = books.add_setup(bare)
        assert stored is not None
        assert books.setup(stored.id) == replace(bare, id=stored.id)


def test_one_setup_per_symbol_timeframe_kind_and_candle(store: SqlStore, account: Account) -> None:
    with store.write(account) as books:
        assert books.add_setup(a_setup()) is not None
        assert books.add_setup(a_setup(entry_price=Decimal(101))) is None
        assert books.add_setup(a_setup(timeframe="240")) is not None

        assert len(books.setups()) == 2


def test_setups_by_hand_may_repeat(store: SqlStore, account: Account) -> None:
    by_hand = a_setup(source=SetupSource.MANUAL, candle_time=None)

    with store.write(account) as books:
        assert books.add_setup(by_hand) is not None
        assert books.add_setup(by_hand) is not None


def test_setups_are_found_by_status_with_their_own_signals(store: SqlStore, account: Account) -> None:
    with store.write(account) as books:
        active = books.add_setup(a_setup())
        rejected = books.add_setup(a_setup(kind="UPPER_BB_REJECTION", signals=()))
        assert active is not None
        assert rejected is not None
        books.move_setup(rejected.id, [SetupStatus.ACTIVE], SetupStatus.REJECTED, reason="no", decided_at=NOW)

        assert books.setups(LIVING) == [active]
        assert books.setups([SetupStatus.REJECTED]) == [
            replace(rejected, status=SetupStatus.REJECTED, reason="no", decided_at=NOW)
        ]
        assert books.setups([]) == []


def test_setup_moves_once(store: SqlStore, account: Account) -> None:
    with store.write(account) as books:
        setup = books.add_setup(a_setup())
        assert setup is not None
        books.move_setup(setup.id, [SetupStatus.ACTIVE], SetupStatus.APPROVED)

        with pytest.raises(Conflict, match=rf"^setup {setup.id} is APPROVED, not ACTIVE$"):
            books.move_setup(setup.id, [SetupStatus.ACTIVE], SetupStatus.REJECTED)
        assert books.setup(setup.id).status is SetupStatus.APPROVED


def test_more_setups_than_one_statement_takes_keep_their_signals(store: SqlStore, account: Account) -> None:
    with store.write(account) as books:
        for hour in range(1100):
            books.add_setup(a_setup(candle_time=NOW + timedelta(hours=hour)))

        assert all(len(setup.signals) == 2 for setup in books.setups())


# -- trades


def test_trade_comes_back_as_it_was_stored(store: SqlStore, account: Account) -> None:
    with store.write(account) as books:
        trade = stored_trade(
            books, entry_time=NOW, detail="why", close_reason="Closed by hand", tp1_done=True
        )

        assert trade.id > 0
        assert books.trade(trade.id) == trade


def test_setup_has_one_trade_that_has_not_failed(store: SqlStore, account: Account) -> None:
    with store.write(account) as books:
        trade = stored_trade(books)
        setup = books.setup(trade.setup_id)

        with pytest.raises(Conflict, match=rf"^setup {setup.id} is traded already$") as conflict:
            books.add_trade(a_trade(setup))
        assert conflict.value.code == "already_traded"

        books.move_trade(trade.id, [TradeStatus.OPENING], TradeStatus.FAILED)
        second = books.add_trade(a_trade(setup))
        assert [t.id for t in books.trades()] == [second.id, trade.id]


def test_closed_trade_bars_another_of_its_setup(store: SqlStore, account: Account) -> None:
    with store.write(account) as books:
        trade = stored_trade(books)
        books.move_trade(trade.id, LIVING_TRADES, TradeStatus.CLOSED)

        with pytest.raises(Conflict):
            books.add_trade(a_trade(books.setup(trade.setup_id)))


def test_transaction_goes_on_after_a_conflict(store: SqlStore, account: Account) -> None:
    with store.write(account) as books:
        trade = stored_trade(books)
        with pytest.raises(Conflict):
            books.add_trade(a_trade(books.setup(trade.setup_id)))
        books.update_trade(trade.id, detail="still here")

    with store.read(account) as books:
        assert books.trade(trade.id).detail == "still here"


def test_failed_trade_is_not_brought_back_beside_a_living_one(store: SqlStore, account: Account) -> None:
    with store.write(account) as books:
        failed = stored_trade(books)
        books.move_trade(failed.id, [TradeStatus.OPENING], TradeStatus.FAILED)
        books.add_trade(a_trade(books.setup(failed.setup_id)))

    with pytest.raises(Conflict), store.write(account) as books:
        books.move_trade(failed.id, [TradeStatus.FAILED], TradeStatus.OPEN)


def test_trade_moves_once_and_carries_its_fields(store: SqlStore, account: Account) -> None:
    with store.write(account) as books:
        trade = stored_trade(books)
        books.move_trade(trade.id, [TradeStatus.OPENING], TradeStatus.OPEN, entry_time=NOW)

        assert books.trade(trade.id) == replace(trade, status=TradeStatus.OPEN, entry_time=NOW)
        with pytest.raises(Conflict, match=rf"^trade {trade.id} is OPEN, not OPENING or CLOSING$"):
            books.move_trade(trade.id, [TradeStatus.OPENING, TradeStatus.CLOSING], TradeStatus.CLOSED)


def test_trade_fields_change_without_a_move(store: SqlStore, account: Account) -> None:
    with store.write(account) as books:
        trade = stored_trade(books)
        books.update_trade(trade.id, stop_loss=Decimal("100.10"), tp1_done=True)

        assert books.trade(trade.id) == replace(trade, stop_loss=Decimal("100.10"), tp1_done=True)


def test_trades_are_listed_newest_first_and_filtered(store: SqlStore, account: Account) -> None:
    with store.write(account) as books:
        first, second, third = (
            stored_trade(books, hour=n, created_at=NOW + timedelta(days=n)) for n in range(3)
        )
        books.move_trade(second.id, [TradeStatus.OPENING], TradeStatus.OPEN)
        books.update_trade(third.id, symbol="ETHUSDT")

        def ids(**query: Any) -> list[int]:
            return [trade.id for trade in books.trades(**query)]

        assert ids() == [third.id, second.id, first.id]
        assert ids(statuses=[TradeStatus.OPEN]) == [second.id]
        assert ids(statuses=[]) == []
        assert ids(symbol="ETHUSDT") == [third.id]
        assert ids(since=NOW + timedelta(days=1)) == [third.id, second.id]
        assert ids(limit=1) == [third.id]
        assert ids(limit=1, offset=1) == [second.id]
        assert ids(offset=2) == [first.id]
        assert ids(statuses=[TradeStatus.OPENING], symbol="BTCUSDT", since=NOW, limit=5) == [first.id]


# -- orders and fills


def test_order_comes_back_as_it_was_stored(store: SqlStore, account: Account) -> None:
    with store.write(account) as books:
        trade = stored_trade(books)
        order = books.add_order(an_order(trade, trigger_price=Decimal("95.50"), sent_at=NOW, sends=2))

        assert books.order_by_link_id(order.order_link_id) == order
        assert books.orders([trade.id]) == [order]
        assert books.order_by_link_id("bb-abc123-9-stop1") is None


def test_order_link_id_is_taken_once(store: SqlStore, account: Account) -> None:
    with store.write(account) as books:
        order = books.add_order(an_order(stored_trade(books)))

        with pytest.raises(
            Conflict, match=f"^order {order.order_link_id} is in the books already$"
        ) as conflict:
            books.add_order(replace(order, attempt=2))
        assert conflict.value.code == "duplicate_link_id"
        assert books.orders([order.trade_id]) == [order]


def test_order_moves_once(store: SqlStore, account: Account) -> None:
    with store.write(account) as books:
        order = books.add_order(an_order(stored_trade(books)))
        link_id = order.order_link_id
        changes = {"exchange_order_id": "77", "sends": 1, "sent_at": NOW, "updated_at": NOW}
        books.move_order(link_id, [OrderStatus.INTENDED], OrderStatus.UNKNOWN, **changes)

        assert books.order_by_link_id(link_id) == replace(order, status=OrderStatus.UNKNOWN, **changes)
        with pytest.raises(Conflict, match=f"^order {link_id} is UNKNOWN, not INTENDED$"):
            books.move_order(link_id, [OrderStatus.INTENDED], OrderStatus.WORKING)


def test_fill_counts_once(store: SqlStore, account: Account) -> None:
    with store.write(account) as books:
        order = books.add_order(an_order(stored_trade(books)))
        fill = a_fill(order)

        assert books.add_fill(fill) is True
        assert books.add_fill(replace(fill, price=Decimal(1))) is False
        assert books.fills([order.trade_id]) == [fill]


def test_fills_of_trades_come_oldest_first(store: SqlStore, account: Account) -> None:
    with store.write(account) as books:
        trades = [stored_trade(books, hour=n) for n in range(3)]
        orders = [books.add_order(an_order(trade)) for trade in trades]
        for hours, order in zip((3, 1, 2), orders, strict=True):
            books.add_fill(a_fill(order, executed_at=NOW + timedelta(hours=hours)))

        wanted = [trades[0].id, trades[1].id]
        assert [f.order_link_id for f in books.fills(wanted)] == [
            orders[1].order_link_id,
            orders[0].order_link_id,
        ]
        assert [o.id for o in books.orders(wanted)] == [orders[0].id, orders[1].id]
        assert books.fills([]) == []
        assert books.orders([]) == []


def test_fees_of_several_coins_and_rebates_come_back(store: SqlStore, account: Account) -> None:
    fees = (("BTC", Decimal("0.00000001")), ("MNT", Decimal("-12.50")))

    with store.write(account) as books:
        order = books.add_order(an_order(stored_trade(books)))
        books.add_fill(a_fill(order, fees=fees))
        books.add_fill(a_fill(order, execution_id="no fee", fees=()))

        assert [f.fees for f in books.fills([order.trade_id])] == [fees, ()]


def test_worth_of_fees_is_filled_in_later(store: SqlStore, account: Account) -> None:
    with store.write(account) as books:
        order = books.add_order(an_order(stored_trade(books)))
        fill = a_fill(order)
        books.add_fill(fill)
        books.set_fill_fees_quote(fill.execution_id, Decimal("0.00123"))

        assert books.fills([order.trade_id]) == [replace(fill, fees_quote=Decimal("0.00123"))]


# -- the rest


def test_log_is_kept_in_order_by_trade_and_setup(store: SqlStore, account: Account) -> None:
    with store.write(account) as books:
        trade = stored_trade(books)
        of_trade = LogEntry(
            NOW, "sent", "entry sent", trade_id=trade.id, data={"qty": "0.1", "tries": [1, None]}
        )
        of_setup = LogEntry(NOW, "approved", "by hand", setup_id=trade.setup_id)
        of_nothing = LogEntry(NOW, "halted", "too hot")
        for entry in (of_trade, of_setup, of_nothing, replace(of_trade, event="filled")):
            books.log(entry)

        assert [replace(e, id=0) for e in books.log_of(trade_id=trade.id)] == [
            of_trade,
            replace(of_trade, event="filled"),
        ]
        assert [replace(e, id=0) for e in books.log_of(setup_id=trade.setup_id)] == [of_setup]
        assert [e.event for e in books.log_of()] == ["sent", "approved", "halted", "filled"]


def test_halt_is_set_changed_and_lifted(store: SqlStore, account: Account) -> None:
    with store.write(account) as books:
        assert books.halt() is None
        books.set_halt(Halt(NOW, "news"))
        books.set_halt(Halt(NOW + timedelta(hours=1), "more news"))

        assert books.halt() == Halt(NOW + timedelta(hours=1), "more news")
        books.set_halt(None)
        assert books.halt() is None


def test_marker_remembers_the_newest_value(store: SqlStore, account: Account) -> None:
    with store.write(account) as books:
        assert books.marker("fills") is None
        books.set_marker("fills", "1")
        books.set_marker("fills", "2")
        books.set_marker("other", "x")

        assert books.marker("fills") == "2"


# -- what is not there, and what belongs to another account


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda books: books.setup(99), "no setup 99"),
        (lambda books: books.move_setup(99, LIVING, SetupStatus.REJECTED), "no setup 99"),
        (lambda books: books.add_trade(a_trade(a_setup(id=99))), "no setup 99"),
        (lambda books: books.trade(99), "no trade 99"),
        (lambda books: books.move_trade(99, LIVING_TRADES, TradeStatus.CLOSED), "no trade 99"),
        (lambda books: books.update_trade(99, detail="x"), "no trade 99"),
        (lambda books: books.add_order(an_order(a_trade(a_setup(), id=99))), "no trade 99"),
        (lambda books: books.move_order("bb-x", [OrderStatus.UNKNOWN], OrderStatus.FILLED), "no order bb-x"),
        (lambda books: books.add_fill(a_fill(an_order(a_trade(a_setup())))), "no order bb-abc123-0-entry1"),
        (lambda books: books.set_fill_fees_quote("e-9", Decimal(1)), "no fill e-9"),
    ],
)
def test_what_is_not_in_the_books_is_not_found(
    store: SqlStore, account: Account, ask: Callable[[SqlBooks], object], message: str
) -> None:
    with store.write(account) as books, pytest.raises(NotFound, match=f"^{message}"):
        ask(books)


def test_books_of_another_account_do_not_exist(store: SqlStore, account: Account, stranger: Account) -> None:
    with store.write(account) as books:
        trade = stored_trade(books)
        order = books.add_order(an_order(trade))
        fill = a_fill(order)
        books.add_fill(fill)
        books.log(LogEntry(NOW, "sent", "", trade_id=trade.id))
        books.set_halt(Halt(NOW, "mine"))
        books.set_marker("fills", "mine")
        setup = books.setup(trade.setup_id)

    with store.write(stranger) as books:
        assert books.setups() == []
        assert books.trades() == []
        assert books.orders([trade.id]) == []
        assert books.order_by_link_id(order.order_link_id) is None
        assert books.fills([trade.id]) == []
        assert books.log_of(trade_id=trade.id) == []
        assert books.halt() is None
        assert books.marker("fills") is None
        foreign: list[Callable[[], object]] = [
            lambda: books.setup(setup.id),
            lambda: books.trade(trade.id),
            lambda: books.move_setup(setup.id, LIVING, SetupStatus.REJECTED),
            lambda: books.add_trade(a_trade(setup)),
            lambda: books.move_trade(trade.id, LIVING_TRADES, TradeStatus.CLOSED),
            lambda: books.update_trade(trade.id, detail="x"),
            lambda: books.add_order(an_order(trade, role=Role.EXIT, order_link_id="bb-abc123-1-exit1")),
            lambda: books.move_order(order.order_link_id, [OrderStatus.INTENDED], OrderStatus.FILLED),
            lambda: books.add_fill(a_fill(order, execution_id="theirs")),
            lambda: books.set_fill_fees_quote(fill.execution_id, Decimal(1)),
        ]
        for ask in foreign:
            with pytest.raises(NotFound):
                ask()
        books.set_halt(None)

    with store.read(account) as books:
        assert books.trade(trade.id) == trade
        assert books.orders([trade.id]) == [order]
        assert books.fills([trade.id]) == [fill]
        assert books.halt() == Halt(NOW, "mine")


def test_accounts_may_have_the_same_setup_and_execution_id(
    store: SqlStore, account: Account, stranger: Account
) -> None:
    for owner in (account, stranger):
        with store.write(owner) as books:
            order = books.add_order(an_order(stored_trade(books)))

            assert books.add_fill(a_fill(order, execution_id="same")) is True


def test_a_trade_of_another_mode_is_a_bug(store: SqlStore, account: Account) -> None:
    with store.write(account) as books, pytest.raises(AssertionError):
        stored_trade(books, mode="live")
