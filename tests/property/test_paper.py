"""Whatever is asked of the paper exchange and wherever prices go, no coin is made or lost."""

from collections import defaultdict
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from botbox_cli.exchange.paper.state import Account, Effects
from botbox_cli.exchange.paper.store import MemoryBooks
from botbox_cli.exchange.paper.terms import Terms
from tests.support.paper import PaperDesk

OPENING = {"USDT": Decimal(10000), "BTC": Decimal("0.5"), "ETH": Decimal(2), "MNT": Decimal("2.5")}
SYMBOLS = {"BTCUSDT": ("BTC", "USDT"), "ETHUSDT": ("ETH", "USDT")}

Step = Callable[[PaperDesk, str], None]


def amounts(low: str, high: str, places: int) -> st.SearchStrategy[str]:
    return st.decimals(Decimal(low), Decimal(high), places=places, allow_nan=False).map(
        lambda d: format(d, "f")
    )


sides = st.sampled_from(["Buy", "Sell"])
symbols = st.sampled_from(list(SYMBOLS))
filters = st.sampled_from(["Order", "Order", "tpslOrder", "StopOrder"])
fractions = st.none() | st.sampled_from([Decimal(0), Decimal("0.37"), Decimal(1)])


def prices(symbol: str) -> st.SearchStrategy[str]:
    return amounts("99500", "100500", 1) if symbol == "BTCUSDT" else amounts("2480", "2520", 2)


def quantities(symbol: str) -> st.SearchStrategy[str]:
    return amounts("0.0001", "0.2", 5) if symbol == "BTCUSDT" else amounts("0.003", "3", 4)


@st.composite
def orders(draw: st.DrawFn) -> Step:
    """An order of any kind; refused or not, the account must stay whole."""
    symbol, unit = draw(symbols), draw(st.sampled_from(["baseCoin", "quoteCoin"]))
    order_type = draw(st.sampled_from(["Market", "Limit"]))
    by_value = order_type == "Market" and unit == "quoteCoin"
    params = {
        "category": "spot",
        "symbol": symbol,
        "side": draw(sides),
        "orderType": order_type,
        "qty": draw(amounts("5", "5000", 4) if by_value else quantities(symbol)),
        "price": draw(prices(symbol)),
        "marketUnit": unit,
        "timeInForce": draw(st.sampled_from(["GTC", "GTC", "IOC", "FOK", "PostOnly"])),
        "orderFilter": draw(filters),
        "triggerPrice": draw(prices(symbol)),
        "isLeverage": draw(st.sampled_from([0, 0, 1])),
    }
    effects = Effects(fill_fraction=draw(fractions))

    def step(desk: PaperDesk, link: str) -> None:
        desk.reply("POST", "order/create", effects, **{**params, "orderLinkId": link})

    return step


@st.composite
def changes(draw: st.DrawFn) -> Step:
    """An amendment or the cancelling of some order made before."""
    number, symbol = draw(st.integers(0, 10)), draw(symbols)
    path = draw(st.sampled_from(["order/cancel", "order/amend"]))
    params: dict[str, Any] = {
        "category": "spot",
        "symbol": symbol,
        "orderLinkId": f"o{number}",
        "orderFilter": draw(filters),
    }
    if path == "order/amend":
        params["qty"] = draw(quantities(symbol))

    def step(desk: PaperDesk, _: str) -> None:
        desk.reply("POST", path, **params)

    return step


@st.composite
def movements(draw: st.DrawFn) -> Step:
    """Time passes and a price jumps."""
    symbol = draw(symbols)
    price = draw(prices(symbol))
    seconds = draw(st.floats(0, 7200))
    return lambda desk, _: desk.move(price, symbol, after_s=seconds)


def repay(desk: PaperDesk, _: str) -> None:
    desk.reply("POST", "account/no-convert-repay")


steps = st.lists(st.one_of(orders(), orders(), orders(), changes(), movements(), st.just(repay)), max_size=20)


@given(steps, st.none() | amounts("0.001", "0.1", 3), st.booleans(), st.sampled_from([0, 250]))
def test_coins_are_conserved(made: list[Step], depth: str | None, fee_in_mnt: bool, delay_ms: int) -> None:
    books = MemoryBooks(OPENING)
    # No interest: what is paid of it leaves the account by no execution.
    terms = Terms(
        fee_in_mnt=fee_in_mnt, match_delay_ms=delay_ms, cancel_delay_ms=delay_ms, hourly_interest=Decimal(0)
    )
    desk = PaperDesk(books=books, terms=terms)
    desk.script.depth = None if depth is None else Decimal(depth)
    desk.post("spot-margin-trade/switch-mode", spotMarginMode="1")

    for number, step in enumerate(made):
        step(desk, f"o{number}")
        desk.get("order/realtime")
        assert_whole(books.begin())


def assert_whole(account: Account) -> None:
    """Compare balances with executions, locks with open orders, orders with their fills, all exactly."""
    held: dict[str, Fraction] = defaultdict(Fraction, {coin: Fraction(a) for coin, a in OPENING.items()})
    for fill in account.executions:
        base, quote = SYMBOLS[fill.symbol]
        sign = 1 if fill.side == "Buy" else -1
        held[base] += sign * Fraction(fill.qty)
        held[quote] -= sign * Fraction(fill.price) * Fraction(fill.qty)
        held[fill.fee_coin] -= Fraction(fill.fee)
        assert fill.qty > 0
    locked: dict[str, Decimal] = defaultdict(Decimal)
    for order in account.orders.values():
        locked[order.lock_coin] += order.locked
        fills = account.of_order.get(order.order_id, [])
        assert order.cum_qty == sum(fill.qty for fill in fills)
        assert order.cum_value == sum(fill.value for fill in fills)
        assert order.cum_qty <= order.qty or order.by_value
        assert not order.by_value or order.cum_value <= order.qty
        assert order.is_open or order.locked == 0
    for coin, balance in account.ledger.balances.items():
        assert Fraction(balance.wallet) == held[coin] + Fraction(balance.borrowed), coin
        assert 0 <= balance.locked <= balance.wallet
        assert balance.locked == locked[coin]
        assert balance.borrowed >= 0
