"""The replay: what would have become of every setup, from closed candles alone. See `docs/replay.md` for the model."""

from botbox_cli.analysis.replay.engine import Refusal, Replayed, replay
from botbox_cli.analysis.replay.path import Path
from botbox_cli.analysis.replay.terms import ReplayTerms
from botbox_cli.analysis.replay.trades import Exit, Trades
from botbox_cli.analysis.replay.walk import Legs, follow

__all__ = ["Exit", "Legs", "Path", "Refusal", "ReplayTerms", "Replayed", "Trades", "follow", "replay"]
