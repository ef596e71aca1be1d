"""The replay makes the trades that backtesting.py makes, where both can express the rule (docs/replay.md)."""

import json
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from botbox_cli.analysis.replay import Exit, ReplayTerms, replay
from botbox_cli.services.desk import Policy
from botbox_cli.services.portfolio import hold
from tests.support.agreement import RULE, SYMBOLS, evidence
from tests.support.candles import HOUR
from tests.support.market import instrument

THEIRS = json.loads(
    (Path(__file__).parents[2] / "fixtures" / "replay" / "backtesting.json").read_text("utf-8")
)


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_replay_makes_the_trades_of_backtesting_py(symbol: str):
    seen, pair = evidence(symbol), instrument(symbol)
    terms = ReplayTerms(slippage=0, spread_ticks=0, max_drift_r=1e9)
    replayed = replay(seen, RULE.find(seen)[:1], HOUR, pair, terms)
    # One position at a time is a limit of the account here, and a line of the strategy there.
    only_one = Policy(max_open_positions=1)
    symbols = np.zeros(len(replayed.trades), np.int64)
    held, _ = hold(replayed.trades, symbols, {0: pair}, terms, only_one, Decimal(1_000_000))
    trades = replayed.trades.take(held.number)

    ours = [
        {
            "entry_row": int(trades.entry_row[n]),
            "exit_row": int(trades.exit_row[n]),
            "entry_price": float(trades.entry_price[n]),
            "exit_price": float(trades.exit_price[n]),
        }
        for n in range(len(trades))
        if trades.reason[n] < Exit.GAP
    ]

    assert len(ours) > 30
    assert ours == THEIRS[symbol]
