"""Rules: pure functions from columns of closed candles to setups."""
