"""Carrying out plans: requests in threads, answers taken and written in order, each series forwards."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice

import numpy as np

from botbox_cli.analysis.columns import cut, join
from botbox_cli.domain.account import Venue
from botbox_cli.errors import BotboxError, ConfigError, ExchangeUnavailable
from botbox_cli.ports import CandleBatch, CandleStore, Exchange
from botbox_cli.services.progress import Progress
from botbox_cli.services.series_plan import PAGE, Page, SeriesPlan
from botbox_cli.services.series_writer import SeriesWriter

IN_FLIGHT = 10
AHEAD = 64
"""Pages asked for and not written yet: bounds the memory, and keeps requests going while one answer is late."""
FAILURES_IN_A_ROW = 3
"""So many series in a row that find the exchange unreachable end the pass: the others would only wait as long."""
PAGES_UNSEARCHED = 20
"""A longer history is not simply asked for: most of it may be from before the pair was listed."""


@dataclass(frozen=True, slots=True)
class Failure:
    """What went wrong, and for which series; a symbol may fail as a whole, and so may the pass."""

    error: BotboxError
    symbol: str = ""
    timeframe: str = ""


@dataclass(slots=True, eq=False)
class SeriesWork:
    """A plan on its way."""

    plan: SeriesPlan
    writer: SeriesWriter
    pages_written: int = 0
    recorded: int = 0
    repaired: int = 0
    is_given_up: bool = False

    @property
    def is_through(self) -> bool:
        return self.is_given_up or self.pages_written == len(self.plan.pages)


@dataclass(frozen=True, slots=True)
class _Asked:
    """A page that was asked for."""

    work: SeriesWork
    page: Page
    answer: Future[CandleBatch]


class Fetch:
    """One pass over planned series. What fails is in `failures`; what was done, in `works`."""

    def __init__(
        self,
        exchange: Exchange,
        candle_store: CandleStore,
        venue: Venue,
        plans: Sequence[SeriesPlan],
        progress: Progress,
    ) -> None:
        self.works = [
            SeriesWork(plan, SeriesWriter(candle_store, venue, plan.symbol, plan.interval)) for plan in plans
        ]
        self.failures: list[Failure] = []
        self._exchange = exchange
        self._progress = progress
        self._stopped_by: BotboxError | None = None
        self._unreachable_in_a_row = 0

    def run(self) -> None:
        """Fetch and write all. Raises StorageError; failing requests are only noted."""
        pool = ThreadPoolExecutor(IN_FLIGHT, thread_name_prefix="record")
        try:
            self._plan_history(pool)
            self._fetch(pool)
        finally:
            # An interrupt, too, leaves the requests in the queue unsent.
            pool.shutdown(wait=False, cancel_futures=True)
        untried = sum(work.is_given_up for work in self.works) - len(self.failures)
        if self._stopped_by is not None and untried:
            self.failures.append(Failure(_not_tried(untried, self._stopped_by)))

    # -- history that may not be there

    def _plan_history(self, pool: ThreadPoolExecutor) -> None:
        to_ask = (work for work in self.works if work.plan.history is not None)
        under_way: deque[tuple[SeriesWork, Future[int | None]]] = deque()
        while True:
            if self._stopped_by is not None:
                for work in to_ask:
                    work.is_given_up = True
            for work in islice(to_ask, AHEAD - len(under_way)):
                under_way.append((work, pool.submit(self._start_of_history, work.plan)))
            if not under_way:
                return
            work, answer = under_way.popleft()
            if self._stopped_by is not None:
                answer.cancel()
                work.is_given_up = True
                continue
            try:
                start_ms = answer.result()
            except BotboxError as e:
                self._fail(work, e)
                continue
            self._unreachable_in_a_row = 0
            if start_ms is not None:
                work.plan.add_history(start_ms)

    def _start_of_history(self, plan: SeriesPlan) -> int | None:
        """Return where to start, some pages before the first candle at most; None where there is no candle.

        History that is not there is asked for anew in each pass, so one request must do to see that. Where a long one
        starts is searched by halves.
        """
        assert plan.history is not None
        start_ms, end_ms = plan.history.start_ms, plan.history.end_ms
        page_ms = PAGE * plan.interval.length_ms
        low, high = 0, (end_ms - start_ms) // page_ms
        if high == 0 and not plan.history_stands_before:
            return start_ms
        if not self._has_candles(plan, start_ms, end_ms):
            return None
        while high - low >= PAGES_UNSEARCHED:
            middle = (low + high) // 2
            if self._has_candles(plan, start_ms, start_ms + middle * page_ms - plan.interval.length_ms):
                high = middle
            else:
                low = middle
        return start_ms + low * page_ms

    def _has_candles(self, plan: SeriesPlan, start_ms: int, end_ms: int) -> bool:
        newest = self._exchange.candles(plan.symbol, plan.interval, start_ms=None, end_ms=end_ms).open_ms
        return bool(np.any((newest >= start_ms) & (newest <= end_ms)))

    # -- pages

    def _fetch(self, pool: ThreadPoolExecutor) -> None:
        total = sum(page.candles for work in self.works for page in work.plan.pages)
        done = 0
        to_ask = self._to_ask()
        under_way: deque[_Asked] = deque()
        while True:
            self._progress(done, total)
            for work, page in islice(to_ask, AHEAD - len(under_way)):
                under_way.append(_Asked(work, page, pool.submit(self._ask, work.plan, page)))
            if not under_way:
                return
            done += self._take(under_way)

    def _to_ask(self) -> Iterator[tuple[SeriesWork, Page]]:
        for work in self.works:
            for page in work.plan.pages:
                if work.is_given_up:
                    break
                yield work, page

    def _ask(self, plan: SeriesPlan, page: Page) -> CandleBatch:
        """Return the page's candles, whatever else the answer holds (such as the open one)."""
        batch = self._exchange.candles(plan.symbol, plan.interval, start_ms=page.start_ms, end_ms=page.end_ms)
        if page.only is not None:
            return cut(batch, np.isin(batch.open_ms, page.only))
        return cut(batch, (batch.open_ms >= page.start_ms) & (batch.open_ms <= page.end_ms))

    def _take(self, under_way: deque[_Asked]) -> int:
        """Write the oldest answer, with those behind it that are there already; return how many candles are done.

        Answers are written in the order of the questions, so that a series never has a page without those before it.
        """
        first = under_way.popleft()
        work = first.work
        if work.is_given_up:
            first.answer.cancel()
            return 0
        try:
            batches = [first.answer.result()]
        except BotboxError as e:
            left = sum(page.candles for page in work.plan.pages[work.pages_written :])
            self._fail(work, e)
            return left
        self._unreachable_in_a_row = 0
        pages = [first.page]
        while under_way and _continues(first, under_way[0]):
            asked = under_way.popleft()
            pages.append(asked.page)
            batches.append(asked.answer.result())
        self._write(work, pages, batches)
        return sum(page.candles for page in pages)

    def _write(self, work: SeriesWork, pages: Sequence[Page], batches: Sequence[CandleBatch]) -> None:
        batch = join(batches)
        if not pages[0].stands_before:
            work.recorded += work.writer.append(batch)
        else:
            added = work.writer.fill(batch)
            work.recorded += added
            work.repaired += 0 if pages[0].only is None else added
        work.pages_written += len(pages)

    # -- failures

    def _fail(self, work: SeriesWork, error: BotboxError) -> None:
        """Give a series up, and all others that are not through if they would fare no better."""
        work.is_given_up = True
        self.failures.append(Failure(error, work.plan.symbol, work.plan.interval.code))
        is_hopeless = isinstance(error, ConfigError)
        if isinstance(error, ExchangeUnavailable):
            self._unreachable_in_a_row += 1
            is_hopeless = error.retry_after_s is not None or self._unreachable_in_a_row >= FAILURES_IN_A_ROW
        if is_hopeless:
            self._stopped_by = error
            for other in self.works:
                if not other.is_through:
                    other.is_given_up = True


def _continues(first: _Asked, following: _Asked) -> bool:
    """Tell whether an answer is there and can be written in one statement with the first."""
    return (
        following.work is first.work
        and not following.page.stands_before
        and following.answer.done()
        and following.answer.exception() is None
    )


def _not_tried(count: int, cause: BotboxError) -> BotboxError:
    message = f"{count} more series were not fetched: {cause.message}"
    if isinstance(cause, ExchangeUnavailable):
        return ExchangeUnavailable(message, cause.hint, retry_after_s=cause.retry_after_s, code=cause.code)
    return ConfigError(message, cause.hint, code=cause.code)
