"""`bb-mean-reversion@1` against the design's table, spelled out naively here, on recorded candles."""

from datetime import UTC, datetime
from decimal import Decimal

import numpy as np
import pytest

from botbox_cli.analysis.columns import cut
from botbox_cli.analysis.indicators import indicators_of
from botbox_cli.analysis.regime import atr_ratio, ratio_known_at
from botbox_cli.analysis.rules.bb_mean_reversion import BbMeanReversion
from botbox_cli.analysis.rules.rule import Evidence, setup_of
from tests.support.candles import FOUR_HOURS, HOUR, recorded
from tests.support.market import instrument

NOW = datetime(2025, 10, 1, tzinfo=UTC)


def evidence_of(symbol: str) -> Evidence:
    hours, fours = recorded(symbol, "60"), recorded(symbol, "240")
    ratio = atr_ratio(indicators_of(fours, FOUR_HOURS).atr)
    known = ratio_known_at(hours.open_ms + HOUR.length_ms, ratio, fours.open_ms, FOUR_HOURS)
    return Evidence(hours, indicators_of(hours, HOUR), known)


@pytest.fixture(scope="module", params=["BTCUSDT", "SOLUSDT"])
def evidence(request: pytest.FixtureRequest) -> Evidence:
    return evidence_of(request.param)


def test_finds_are_those_of_the_design_candle_by_candle(evidence: Evidence):
    c, i = evidence.candles, evidence.indicators
    longs, shorts = {}, {}
    for row in range(len(c.open_ms)):
        ranging = evidence.regime_ratio[row] <= 1.3
        loud = c.volume[row] > 1.1 * i.volume_ma[row]
        if not (ranging and loud):
            continue
        if c.low[row] <= i.bb_lower[row] and c.close[row] > i.bb_lower[row] * 0.998 and i.rsi[row] < 35:
            stop = i.bb_lower[row] - 1.5 * i.atr[row]
            longs[row] = (c.close[row], stop, i.bb_middle[row], i.bb_upper[row])
        if c.high[row] >= i.bb_upper[row] and c.close[row] < i.bb_upper[row] * 1.002 and i.rsi[row] > 65:
            stop = i.bb_upper[row] + 1.5 * i.atr[row]
            shorts[row] = (c.close[row], stop, i.bb_middle[row], i.bb_lower[row])

    bounces, rejections = BbMeanReversion().find(evidence)

    assert len(longs) > 3
    assert len(shorts) > 3
    for finds, expected in ((bounces, longs), (rejections, shorts)):
        assert finds.rows.tolist() == sorted(expected)
        levels = zip(finds.entry, finds.stop, finds.take_profit_1, finds.take_profit_2, strict=True)
        for found, wanted in zip(levels, expected.values(), strict=True):
            assert found == pytest.approx(wanted, rel=1e-12)


def test_parameters_widen_and_narrow_what_is_found(evidence: Evidence):
    def count(**parameters: float) -> int:
        return sum(len(finds.rows) for finds in BbMeanReversion(**parameters).find(evidence))

    assert count(rsi_low=30, rsi_high=70) < count() < count(rsi_low=45, rsi_high=55)
    assert count(volume_factor=2) < count() < count(volume_factor=0.5)
    assert count() < count(close_beyond=0.01)


def test_stop_distance_follows_its_parameter(evidence: Evidence):
    near, far = BbMeanReversion(stop_atr=1).find(evidence)[0], BbMeanReversion(stop_atr=2).find(evidence)[0]

    np.testing.assert_allclose(near.stop - far.stop, evidence.indicators.atr[near.rows])


def test_unknown_regime_finds_nothing(evidence: Evidence):
    unknown = Evidence(evidence.candles, evidence.indicators, np.full(len(evidence.regime_ratio), np.nan))

    assert [len(finds.rows) for finds in BbMeanReversion().find(unknown)] == [0, 0]


def test_too_few_candles_find_nothing_and_say_so():
    hours = cut(recorded("BTCUSDT", "60"), slice(19))
    evidence = Evidence(hours, indicators_of(hours, HOUR), np.ones(19))

    assert [len(finds.rows) for finds in BbMeanReversion().find(evidence)] == [0, 0]
    assert BbMeanReversion().figures(evidence, 18) == "too few candles without a gap for the indicators"


def test_setup_levels_are_exact_decimals_on_the_tick():
    evidence = evidence_of("BTCUSDT")
    finds = BbMeanReversion().find(evidence)[0]

    setup = setup_of(
        finds,
        0,
        evidence,
        rule="bb-mean-reversion@1",
        timeframe="60",
        instrument=instrument("BTCUSDT", tick="0.1"),
        detected_at=NOW,
    )

    assert str(setup.entry_price) == repr(float(evidence.candles.close[finds.rows[0]]))
    assert Decimal(repr(float(finds.stop[0]))) <= setup.stop_loss < Decimal(repr(float(finds.stop[0]))) + 1
    for price in (setup.stop_loss, setup.take_profit_1, setup.take_profit_2):
        assert price is not None
        assert price == price.quantize(Decimal("0.1"))
    assert setup.atr == Decimal(repr(float(evidence.indicators.atr[finds.rows[0]])))


def test_find_without_a_second_target_becomes_a_setup_without_one():
    evidence = evidence_of("BTCUSDT")
    finds = BbMeanReversion().find(evidence)[0]
    finds.take_profit_2[0] = np.nan

    setup = setup_of(
        finds, 0, evidence, rule="r", timeframe="60", instrument=instrument("BTCUSDT"), detected_at=NOW
    )

    assert setup.take_profit_2 is None
