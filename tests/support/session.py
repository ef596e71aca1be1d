"""A short session on recorded candles: a setup found by a scan, traded, and closed at its target."""

from typing import Any

from tests.support.cli import botbox

SYMBOLS = "BTCUSDT,ETHUSDT,SOLUSDT,BNBUSDT"


def detect() -> int:
    """Scan on 2025-04-28 at 16:00, which finds a long of ETHUSDT, and return that setup's id."""
    assert botbox("forward", "16h").code == 0
    assert botbox("record", "--once", "--since", "70d").code == 0
    (setup,) = botbox("scan", "--json").document["detected"]
    return int(setup["id"])


def trade_to_the_end(setup_id: int) -> dict[str, Any]:
    """Trade it until its target is reached at 22:00; return the trade."""
    assert botbox("approve", setup_id, "--execute", "--note", "good band").code == 0
    assert botbox("forward", "6h").code == 0
    assert botbox("monitor", "--once", "--json").document["closed"] == 1
    assert botbox("record", "--once").code == 0
    (trade,) = botbox("trades", "--json").document["trades"]
    return dict(trade)
