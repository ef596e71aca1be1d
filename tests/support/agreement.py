"""What the replay and backtesting.py are both given: longs with a stop and one target, on recorded candles."""

from botbox_cli.analysis.rules.bb_mean_reversion import BbMeanReversion
from botbox_cli.analysis.rules.rule import Evidence, setup_of
from botbox_cli.domain.candle import from_ms
from tests.property.test_analysis import evidence_of
from tests.support.candles import recorded
from tests.support.market import instrument

SYMBOLS = ("BTCUSDT", "SOLUSDT")
RULE = BbMeanReversion(rsi_low=45, volume_factor=0.6)


def evidence(symbol: str) -> Evidence:
    return evidence_of(recorded(symbol, "60"), recorded(symbol, "240"))


def setups_of(symbol: str) -> dict[int, tuple[float, float]]:
    """Return stop and target of each long, by the row of its candle, on the tick."""
    seen = evidence(symbol)
    longs = RULE.find(seen)[0]
    found = {}
    for number, row in enumerate(longs.rows.tolist()):
        setup = setup_of(
            longs,
            number,
            seen,
            rule=RULE.id,
            timeframe="60",
            instrument=instrument(symbol),
            detected_at=from_ms(0),
        )
        if setup.level_fault() is None:
            found[row] = (float(setup.stop_loss), float(setup.take_profit_1))
    return found
