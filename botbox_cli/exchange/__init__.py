"""Bybit v5 spot: the client over pybit, the pure parser, and the embedded paper exchange."""
