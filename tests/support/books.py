"""Builders of what the books hold: every one complete, any field to be overridden."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from botbox_cli.domain.fill import Fill
from botbox_cli.domain.order import Order, OrderStatus, OrderType, Role, Side
from botbox_cli.domain.setup import Direction, Setup, SetupSource, Signal
from botbox_cli.domain.trade import Trade, TradeStatus

NOW = datetime(2026, 3, 4, 5, 6, 7, 891_234, tzinfo=UTC)


def a_setup(**fields: Any) -> Setup:
    """Return a long setup as a scan makes it."""
    defaults: dict[str, Any] = {
        "symbol": "BTCUSDT",
        "timeframe": "60",
        "kind": "LOWER_BB_BOUNCE",
        "direction": Direction.LONG,
        "source": SetupSource.SCAN,
        "entry_price": Decimal("100.10"),
        "stop_loss": Decimal("95.5"),
        "take_profit_1": Decimal(104),
        "take_profit_2": Decimal(108),
        "detected_at": NOW,
        "expires_at": NOW + timedelta(hours=24),
        "rule": "bb-mean-reversion@1",
        "candle_time": NOW.replace(minute=0, second=0, microsecond=0),
        "atr": Decimal("1.25"),
        "signals": (Signal("RSI_OVERSOLD", 28.5), Signal("PRICE_AT_LOWER_BB", 99.5)),
    }
    return Setup(**defaults | fields)


def a_trade(setup: Setup, **fields: Any) -> Trade:
    """Return a trade of a stored setup, about to open."""
    defaults: dict[str, Any] = {
        "setup_id": setup.id,
        "symbol": setup.symbol,
        "base_coin": "BTC",
        "quote_coin": "USDT",
        "direction": setup.direction,
        "mode": "paper",
        "status": TradeStatus.OPENING,
        "initial_stop": setup.stop_loss,
        "stop_loss": setup.stop_loss,
        "take_profit_1": setup.take_profit_1,
        "take_profit_2": setup.take_profit_2,
        "created_at": NOW,
    }
    return Trade(**defaults | fields)


def an_order(trade: Trade, **fields: Any) -> Order:
    """Return the entry of a stored trade, not sent yet."""
    defaults: dict[str, Any] = {
        "trade_id": trade.id,
        "role": Role.ENTRY,
        "attempt": 1,
        "order_link_id": f"bb-abc123-{trade.id}-entry1",
        "symbol": trade.symbol,
        "side": Side.BUY,
        "order_type": OrderType.MARKET,
        "qty": Decimal("0.0123"),
        "status": OrderStatus.INTENDED,
        "created_at": NOW,
        "updated_at": NOW,
    }
    return Order(**defaults | fields)


def a_fill(order: Order, **fields: Any) -> Fill:
    """Return a fill of the whole order, its fee in base coin."""
    defaults: dict[str, Any] = {
        "execution_id": f"exec-{order.order_link_id}",
        "order_link_id": order.order_link_id,
        "exchange_order_id": "4711",
        "symbol": order.symbol,
        "side": order.side,
        "price": Decimal("100.2"),
        "qty": order.qty,
        "fees": (("BTC", Decimal("0.0000123")),),
        "executed_at": NOW,
    }
    return Fill(**defaults | fields)
