"""Timings of the slow paths, as a table: `make bench`. Never a test: the reader judges, not an assertion."""
