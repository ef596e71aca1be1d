"""pydantic-settings, without asyncio: it imports that for commands which are coroutines, and botbox has none.

Everybody else imports asyncio as ever.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType
from typing import Any


class _PutOff(ModuleType):
    """Stands for a module that is imported when something of it is asked for."""

    def __getattr__(self, name: str) -> Any:
        return getattr(import_module(self.__name__), name)


@contextmanager
def put_off(name: str) -> Iterator[None]:
    """Give whoever imports the module `name` inside something that stands for it, unless it is there already."""
    if name in sys.modules:
        yield
        return
    sys.modules[name] = _PutOff(name)
    try:
        yield
    finally:
        del sys.modules[name]


with put_off("asyncio"):
    from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

__all__ = ["BaseSettings", "NoDecode", "SettingsConfigDict"]
