"""Changes of the settings, on record: what a decision was made under is part of what explains it."""

from __future__ import annotations

import json
from collections.abc import Mapping

from botbox_cli.domain.account import Account
from botbox_cli.ports import Clock, LogEntry, Store

MARKER = "settings"
EVENT = "settings"


def note_settings(store: Store, account: Account, clock: Clock, settings: Mapping[str, str]) -> bool:
    """Log what differs from the settings that were logged last; False if nothing does.

    Args:
        settings: By name, as people write them, "" for one that is not set; none of them a secret.
    """
    text = json.dumps(settings, sort_keys=True)
    with store.read(account) as books:
        if books.marker(MARKER) == text:
            return False
    with store.write(account) as books:
        noted = books.marker(MARKER)
        if noted == text:
            return False
        before: dict[str, str] = json.loads(noted) if noted else {}
        changed = {
            name: [before.get(name, ""), settings.get(name, "")]
            for name in sorted({*before, *settings})
            if before.get(name, "") != settings.get(name, "")
        }
        detail = _sentence(changed) if noted else "first seen"
        books.set_marker(MARKER, text)
        books.log(LogEntry(clock.now(), EVENT, detail, data={"changed": changed}))
    return True


def _sentence(changed: Mapping[str, list[str]]) -> str:
    return "; ".join(
        f"{name} from {before or 'unset'} to {after or 'unset'}" for name, (before, after) in changed.items()
    )
