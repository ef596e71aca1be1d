"""Builders, hand-written fakes and servers for the tests; no assertions."""
