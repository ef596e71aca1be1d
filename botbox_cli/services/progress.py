"""How a long piece of work tells how far it has come."""

from collections.abc import Callable

Progress = Callable[[int, int], None]
"""Takes how many are done, and of how many (0: not known yet)."""
