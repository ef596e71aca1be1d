"""What a replay assumes of the person and of the exchange."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ReplayTerms:
    """The assumptions, as fractions: 0.001 is 0.1 %.

    The entry is at the open of the `delay`-th candle after the setup's own, so 1 is the first open after the signal.
    `slippage` worsens every fill; a buy also pays `spread_ticks` above the last price. `tp1_fraction` is closed at TP1.
    An entry is refused when the price has moved more than `max_drift_r` against the setup. Borrowed coins cost
    `hourly_interest`.
    """

    delay: int = 1
    fee_rate: float = 0.001
    slippage: float = 0.0005
    spread_ticks: int = 1
    tp1_fraction: float = 1.0
    max_drift_r: float = 0.5
    hourly_interest: float = 0.000005

    def __post_init__(self) -> None:
        assert self.delay >= 1, "the open of the setup's own candle lies before the setup"
        assert 0 <= self.fee_rate < 1
        assert 0 <= self.slippage < 1
        assert 0 < self.tp1_fraction <= 1
