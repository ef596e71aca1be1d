"""The store of the simulation is held to the tests of the databases that it stands in for."""

from __future__ import annotations

import pytest

from botbox_cli.domain.account import Account, Mode, Venue
from tests.storage.test_books import *  # noqa: F403
from tests.support.memory_store import MemoryStore


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def account(store: MemoryStore) -> Account:
    return store.save_account(Mode.PAPER, "1001", "hash", Venue.MAINNET)


@pytest.fixture
def stranger(store: MemoryStore) -> Account:
    return store.save_account(Mode.PAPER, "2002", "other hash", Venue.MAINNET)
