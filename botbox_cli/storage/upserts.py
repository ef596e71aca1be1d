"""Inserts that yield to a row which is there already, or change it. Both databases spell them alike.

SQLAlchemy has them in its dialects only, and loading PostgreSQL's costs 40 ms: hence one set for each, made when used.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from sqlalchemy import bindparam, case

from botbox_cli.storage import tables as t


class Upserts:
    """The statements for one dialect; the `add_*` return the new id, or no row where a unique constraint says no."""

    def __init__(self, insert: Any) -> None:
        def add(model: type[t.Base]) -> Any:
            table = t.table(model)
            return insert(table).on_conflict_do_nothing().returning(table.c.id)

        def put(model: type[t.Base]) -> Any:
            table = t.table(model)
            key = [column.name for column in table.primary_key]
            statement = insert(table)
            others = {c.name: statement.excluded[c.name] for c in table.c if c.name not in key}
            return statement.on_conflict_do_update(index_elements=key, set_=others)

        self.add_setup = add(t.Setups)
        self.add_trade = add(t.Trades)
        self.add_order = add(t.Orders)
        self.add_fill = add(t.Fills)
        self.put_halt = put(t.Halts)
        self.put_marker = put(t.Markers)

        accounts, statement = t.table(t.Accounts), insert(t.table(t.Accounts))
        self.put_account = statement.on_conflict_do_update(
            index_elements=["mode", "user_id"],
            set_={"key_hash": statement.excluded.key_hash, "venue": statement.excluded.venue},
        ).returning(accounts.c.id)

        instruments, statement = t.table(t.Instruments), insert(t.table(t.Instruments))
        rules = [c.name for c in instruments.c if c.name not in ("id", "venue", "symbol")]
        self.put_instruments = statement.on_conflict_do_update(
            index_elements=["venue", "symbol"], set_={name: statement.excluded[name] for name in rules}
        )
        self.add_instrument = insert(instruments).on_conflict_do_nothing()

        series, statement = t.table(t.Series), insert(t.table(t.Series))
        more = statement.excluded
        self.widen_series = statement.on_conflict_do_update(
            index_elements=["instrument_id", "timeframe"],
            set_={
                "count": series.c.count + more.count,
                "first_ms": case((more.first_ms < series.c.first_ms, more.first_ms), else_=series.c.first_ms),
                "last_ms": case((more.last_ms > series.c.last_ms, more.last_ms), else_=series.c.last_ms),
            },
        )

        self.put_replay = put(t.Replays)
        revisions, statement = t.table(t.Revisions), insert(t.table(t.Revisions))
        self.count_revision = statement.on_conflict_do_update(
            index_elements=["instrument_id", "timeframe"], set_={"revision": revisions.c.revision + 1}
        )

        self.add_web_token = (
            insert(t.table(t.WebToken)).on_conflict_do_nothing().returning(t.table(t.WebToken).c.id)
        )
        self.put_web_token = put(t.WebToken)
        self.put_web_failures = put(t.WebFailures)

        leases, statement = t.table(t.Leases), insert(t.table(t.Leases))
        self.take_lease = statement.on_conflict_do_update(
            index_elements=["name"],
            set_={c.name: statement.excluded[c.name] for c in leases.c if c.name != "name"},
            where=(leases.c.token == statement.excluded.token) | (leases.c.expires_at <= bindparam("now_")),
        ).returning(leases.c.token)


@cache
def upserts(dialect: str) -> Upserts:
    """Return the statements for `sqlite` or `postgresql`."""
    if dialect == "sqlite":
        from sqlalchemy.dialects.sqlite import insert as sqlite_insert

        return Upserts(sqlite_insert)
    from sqlalchemy.dialects.postgresql import insert as postgresql_insert

    return Upserts(postgresql_insert)
