"""botbox: proposes spot trades on Bybit, asks, and carries what was approved from entry to P&L."""

__version__ = "0.1.0"
