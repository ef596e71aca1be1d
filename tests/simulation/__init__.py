"""Whole trading days against the paper exchange, with a seeded schedule of everything that can go wrong."""
