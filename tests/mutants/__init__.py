"""Guarantees broken on purpose, one at a time, to show that a test notices."""
