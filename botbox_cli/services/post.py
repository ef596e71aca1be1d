"""The post: each channel follows the log at its own pace, so that one that fails or drips holds up no other."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta

from botbox_cli.domain.hours import QuietHours
from botbox_cli.errors import BotboxError, NotTold
from botbox_cli.ports import Channel, LogEntry, Message
from botbox_cli.services.alarms import Pass, raise_alarms
from botbox_cli.services.desk import Desk
from botbox_cli.services.notices import Writer, headline, is_news, is_urgent

LEASE_TTL_S = 120.0
STORM = 5
"""More messages than this that wait for one channel become one message of lines."""
LINES = 20
TOO_OLD = timedelta(hours=24)
FIRST_LOOK = timedelta(minutes=10)
"""A channel that is new hears what happened in these last minutes, and nothing older."""
BATCH = 500
FIRST_PAUSE_S, LONGEST_PAUSE_S = 60, 3600


@dataclass(frozen=True, slots=True)
class Place:
    """How far a channel has read: counts of log entries, for urgent ones and for the others (which quiet hours hold
    up); `failures` in a row, and when the next try is due."""

    seen: int
    seen_urgent: int
    failures: int = 0
    retry_at: str = ""


@dataclass(frozen=True, slots=True)
class Post:
    """All channels of an account."""

    desk: Desk
    channels: Sequence[Channel]
    writer: Writer
    quiet: QuietHours | None = None
    silence: timedelta | None = None

    def carry(self, last: Pass | None = None) -> list[NotTold]:
        """Raise alarms, deliver what is due, and return what could not be delivered.

        `last` is the pass that has just ended. Nothing is delivered while another process is at it.
        """
        desk = self.desk
        raise_alarms(desk, last=last, silence=self.silence)
        name = f"post:{desk.account.id}"
        if desk.store.take_lease(name, desk.holder, desk.clock.now(), LEASE_TTL_S) is not None:
            return []
        try:
            return self._serve_all()
        finally:
            desk.store.free_lease(name, desk.holder)

    def _serve_all(self) -> list[NotTold]:
        """Serve the channels side by side: one that takes its time holds up no other. Raises StorageError."""
        untold: list[NotTold] = []
        failed: list[BotboxError] = []

        def serve(channel: Channel) -> None:
            try:
                error = self._serve(channel)
            except BotboxError as e:
                failed.append(e)
            else:
                untold.extend([] if error is None else [error])

        threads = [threading.Thread(target=serve, args=(c,), name="post", daemon=True) for c in self.channels]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failed:
            raise failed[0]
        return untold

    def _serve(self, channel: Channel) -> NotTold | None:
        place, now = self._place(channel), self.desk.clock.now()
        if place.retry_at and now < datetime.fromisoformat(place.retry_at):
            return None
        is_quiet = self.quiet is not None and self.quiet.holds(now)
        try:
            self._deliver(channel, place, is_quiet=is_quiet)
        except NotTold as e:
            failed = self._place(channel)
            pause = min(FIRST_PAUSE_S * 2**failed.failures, LONGEST_PAUSE_S)
            retry_at = (now + timedelta(seconds=pause)).isoformat()
            self._keep(channel, replace(failed, failures=failed.failures + 1, retry_at=retry_at))
            return e
        return None

    def _deliver(self, channel: Channel, place: Place, *, is_quiet: bool) -> None:
        """Tell what is due, remembering each message once it is told: a death in between tells one twice."""
        unread = list(self._unread(place, is_quiet=is_quiet))
        news = [entry for _, entry in unread if entry is not None]
        if len(news) > STORM:
            channel.tell(summary(news))
        else:
            for place_after, entry in unread:
                message = None if entry is None else self.writer.message(entry)
                if message is not None:
                    channel.tell(message)
                    self._keep(channel, place_after)
        if unread and (unread[-1][0] != place or place.failures):
            self._keep(channel, unread[-1][0])

    def _unread(self, place: Place, *, is_quiet: bool) -> Iterator[tuple[Place, LogEntry | None]]:
        """Yield each entry that was not read: where the channel stands after it, and the entry if it is to be told."""
        now = self.desk.clock.now()
        number = min(place.seen, place.seen_urgent)
        while entries := self._entries(number):
            for entry in entries:
                number += 1
                is_read = number <= (place.seen_urgent if is_urgent(entry) else place.seen)
                is_held = is_quiet and not is_urgent(entry)
                seen = place.seen if is_quiet else max(place.seen, number)
                place = Place(seen, max(place.seen_urgent, number))
                is_told = is_news(entry) and not (is_read or is_held) and now - entry.at <= TOO_OLD
                yield place, entry if is_told else None

    def _entries(self, skip: int) -> list[LogEntry]:
        with self.desk.store.read(self.desk.account) as books:
            if books.log_head().count <= skip:
                return []
            return [entry for entry, _ in books.log_links(skip, BATCH)]

    def _place(self, channel: Channel) -> Place:
        now = self.desk.clock.now()
        with self.desk.store.read(self.desk.account) as books:
            known = books.marker(_marker(channel))
            if known is not None:
                return Place(**json.loads(known))
            start = books.log_count(before=now - FIRST_LOOK)
        return Place(start, start)

    def _keep(self, channel: Channel, place: Place) -> None:
        with self.desk.store.write(self.desk.account) as books:
            books.set_marker(_marker(channel), json.dumps(asdict(place)))


def summary(news: Sequence[LogEntry]) -> Message:
    """Return one message for many entries, the newest of them a line each."""
    lines = [headline(entry) for entry in news]
    more = [f"and {len(lines) - LINES} before"] if len(lines) > LINES else []
    return Message(f"{len(lines)} news", "\n".join([*more, *lines[-LINES:]]), any(map(is_urgent, news)))


def _marker(channel: Channel) -> str:
    return f"post:{channel.name}"
