"""Bybit's hosts, by region and by the world that a key belongs to."""

from __future__ import annotations

from botbox_cli.domain.account import Mode

REGION_HOSTS = {
    "com": "api.bybit.com",
    "nl": "api.bybit.nl",
    "tr": "api.bybit.tr",
    "kz": "api.bybit.kz",
    "ae": "api.bybit.ae",
    "eu": "api.bybit.eu",
    "id": "api.bybit.id",
    "ge": "api.bybitgeorgia.ge",
    "jp": "api.manepa.jp",
}
MAINNET_HOSTS = {*REGION_HOSTS.values(), "api.bytick.com"}
MODE_HOSTS = {
    Mode.PAPER: MAINNET_HOSTS,
    Mode.LIVE: MAINNET_HOSTS,
    Mode.DEMO: {"api-demo.bybit.com"},
    Mode.TESTNET: {"api-testnet.bybit.com"},
}
"""REST hosts by the world that a key belongs to; paper reads public prices only."""
REGION_STREAMS = {
    "com": "stream.bybit.com",
    "tr": "stream.bybit.tr",
    "kz": "stream.bybit.kz",
    "id": "stream.bybit.id",
    "ge": "stream.bybitgeorgia.ge",
    "jp": "stream.manepa.jp",
}
"""WebSocket hosts; regions without one of their own (nl, ae, eu) have the first."""
MAINNET_STREAMS = set(REGION_STREAMS.values())
MODE_STREAMS = {
    Mode.PAPER: MAINNET_STREAMS,
    Mode.LIVE: MAINNET_STREAMS,
    Mode.DEMO: {"stream-demo.bybit.com"},
    Mode.TESTNET: {"stream-testnet.bybit.com"},
}
