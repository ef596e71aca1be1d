"""What people read: tables and cards. On a terminal rounded and local, in a pipe exact and UTC."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from decimal import Context, Decimal
from typing import TYPE_CHECKING

from botbox_cli.cli.console import Column, Console, count
from botbox_cli.cli.wrapping import wrapped
from botbox_cli.domain.number import plain

if TYPE_CHECKING:
    from botbox_cli.domain.account import Account, Venue
    from botbox_cli.domain.fill import Fill
    from botbox_cli.domain.setup import Setup
    from botbox_cli.domain.statistics import Statistics
    from botbox_cli.ports import CandleStore, LogEntry
    from botbox_cli.services.candles import CandleRow
    from botbox_cli.services.card import Card
    from botbox_cli.services.doctor import Finding
    from botbox_cli.services.monitor import MonitorResult
    from botbox_cli.services.record import RecordResult
    from botbox_cli.services.review import Question
    from botbox_cli.services.scan import ScanResult
    from botbox_cli.services.shadow import Shadow
    from botbox_cli.services.similar import Tally
    from botbox_cli.services.trades import OrderView, TradeView

_PRICE_DIGITS = Context(prec=8)
_QUOTIENT_DIGITS = Context(prec=16)
"""What a division made has 28 digits: more than anybody measures, and more than exchange and books ever write."""
_CENT = Decimal("0.01")


def price(console: Console, value: Decimal | None) -> str:
    """Return a price or quantity: eight digits for people, all of them for a pipe."""
    if value is None:
        return ""
    return _whole(value) if console.width is None else plain(_PRICE_DIGITS.plus(value))


def _whole(value: Decimal) -> str:
    """Return a number with all its digits; a quotient that never ends with sixteen."""
    return plain(value if len(value.as_tuple().digits) < 28 else _QUOTIENT_DIGITS.plus(value))


def ratio(console: Console, value: Decimal | None, *, sign: bool = False) -> str:
    """Return a percentage or an R-multiple: two decimals for people, eight digits for a pipe."""
    if value is None or console.width is not None:
        return amount(console, value, sign=sign)
    return plain(_PRICE_DIGITS.plus(value))


def amount(console: Console, value: Decimal | None, *, sign: bool = False) -> str:
    """Return an amount of quote coin: two decimals for people, all for a pipe."""
    if value is None:
        return ""
    if console.width is None:
        return _whole(value)
    return format(value.quantize(_CENT), "+f" if sign else "f")


def fees_text(console: Console, fees: dict[str, Decimal]) -> str:
    return ", ".join(f"{price(console, value)} {coin}" for coin, value in fees.items())


# -- setups

_SETUPS = (
    Column("id", right=True),
    Column("symbol"),
    Column("timeframe", 3),
    Column("kind", 2),
    Column("direction", label="side"),
    Column("status"),
    Column("entry_price", right=True, label="entry"),
    Column("stop_loss", right=True, label="stop"),
    Column("take_profit_1", right=True, label="target 1"),
    Column("take_profit_2", 3, right=True, label="target 2"),
    Column("expires_at", 1, label="expires"),
    Column("source", 4),
    Column("detected_at", 4),
    Column("note", 5),
    Column("reason", 4),
)


def setups_table(console: Console, setups: Iterable[Setup]) -> None:
    rows = [
        (
            str(s.id),
            s.symbol,
            s.timeframe,
            s.kind,
            str(s.direction),
            str(s.status),
            price(console, s.entry_price),
            price(console, s.stop_loss),
            price(console, s.take_profit_1),
            price(console, s.take_profit_2),
            console.time(s.expires_at),
            str(s.source),
            console.time(s.detected_at),
            s.note,
            s.reason,
        )
        for s in setups
    ]
    _table(console, _SETUPS, rows)


def setup_card(console: Console, card: Card) -> None:
    """Write what there is to know of a setup before deciding on it."""
    setup = card.setup
    by = "by hand" if setup.source == "manual" else f"{setup.kind} on {setup.timeframe}"
    _flow(console, f"Setup {setup.id}: {setup.symbol} {setup.direction}, {by}, {setup.status}")
    facts = [
        ("entry", price(console, setup.entry_price)),
        ("stop", _level(console, setup, setup.stop_loss)),
        ("target 1", _level(console, setup, setup.take_profit_1)),
    ]
    if setup.take_profit_2 is not None:
        facts.append(("target 2", _level(console, setup, setup.take_profit_2)))
    facts += [("signal", f"{s.type} {s.value:g}") for s in setup.signals]
    facts += [
        ("detected", console.time(setup.detected_at)),
        ("expires", console.time(setup.expires_at)),
        ("decided", console.time(setup.decided_at)),
        ("note", setup.note),
        ("reason", setup.reason),
    ]
    if card.quote is not None and card.drift_r is not None:
        drift = f"{ratio(console, card.drift_r, sign=True)} R against the entry"
        facts.append(("price now", f"{card.quote.bid} / {card.quote.ask}, {drift}"))
    facts += _size_facts(console, card)
    facts += evidence_facts(card)
    facts += [("refused now", f"{e.message}; {e.hint}" if e.hint else e.message) for e in card.against]
    _facts(console, facts)


def _level(console: Console, setup: Setup, level: Decimal) -> str:
    distance = (level - setup.entry_price) / setup.entry_price * 100
    multiple = abs(level - setup.entry_price) / abs(setup.entry_price - setup.stop_loss)
    return f"{price(console, level)}  ({distance:+.2f} %, {multiple:.2f} R)"


def _size_facts(console: Console, card: Card) -> list[tuple[str, str]]:
    s = card.sizing
    if s is None:
        return []
    risk = f"{amount(console, s.risk)} = {ratio(console, s.risk_percent)} % of {amount(console, s.equity)} equity"
    return [
        ("size now", f"{price(console, s.qty)} for {amount(console, s.value)}"),
        ("risk now", f"{risk}, bound by {s.limited_by.replace('_', ' ')}"),
    ]


def evidence_facts(card: Card) -> list[tuple[str, str]]:
    """Return what came of setups like this one, and what has changed since its candle."""
    facts = []
    past, changes = card.past, card.changes
    if past is not None:
        facts.append(("like it", f"{past.rule}, {past.kind}, {in_words(past.regime_band)}"))
        facts.append((card.setup.symbol, _tally_text(past.symbol)))
        left_out = f" ({past.left_out} more not counted yet)" if past.left_out else ""
        facts.append((f"{past.all_symbols.symbols} symbols", _tally_text(past.all_symbols) + left_out))
    if card.past_error is not None:
        facts.append(("like it", f"not known: {card.past_error.message}"))
    if changes is not None and changes.candles:
        pairs = (("RSI", changes.rsi), ("volume", changes.volume_ratio), ("regime", changes.regime_ratio))
        moved = ", ".join(
            f"{name} {then:.4g} to {now:.4g}" for name, (then, now) in pairs if not math.isnan(now)
        )
        close = f"close {changes.close[0]:.8g} to {changes.close[1]:.8g}"
        facts.append(("since then", f"{changes.candles} candles: {close}, {moved}"))
    return facts


def in_words(regime_band: str) -> str:
    """Return what kind of market a band of the regime is."""
    words = {"calm": "calm market", "trending": "trending market", "between": "neither calm nor trending"}
    band, _, bound = regime_band.partition(" ")
    return f"{words.get(band, 'market unknown')} {bound}".rstrip()


def _tally_text(tally: Tally) -> str:
    s = tally.summary
    if s is None or s.hit_rate is None or s.expectancy is None:
        return f"{tally.n} ended, too few for a rate (30)" if tally.n else "none ended before"
    text = f"{tally.n} ended: {s.hit_rate:.0%} hit"
    if s.hit_low is not None and s.hit_high is not None:
        text += f" ({s.hit_low:.0%} to {s.hit_high:.0%})"
    text += f", {s.expectancy:+.2f} R each"
    if s.expectancy_low is not None and s.expectancy_high is not None:
        text += f" ({s.expectancy_low:+.2f} to {s.expectancy_high:+.2f})"
    return f"{text}, net; median {tally.median_hours:g} h, worst run {s.worst_run} losses"


def evidence_lines(console: Console, card: Card) -> None:
    """Tell a person who decides what came of setups like this one."""
    for name, text in evidence_facts(card):
        console.say(f"{name}: {text}")


def setup_chart(console: Console, candles: CandleStore, venue: Venue, setup: Setup) -> None:
    """Draw the candles around a setup with its levels; nothing in a pipe, or where none are stored."""
    if console.width is None:
        return
    from botbox_cli.cli.chart import candles_that_fit, draw
    from botbox_cli.domain.candle import INTERVALS

    interval = INTERVALS.get(setup.timeframe) or INTERVALS["60"]
    batch, indicators = candles.tail(venue, setup.symbol, interval, candles_that_fit(console.width))
    if not len(batch.open_ms):
        return
    levels = [("target", setup.take_profit_1), ("entry", setup.entry_price), ("stop", setup.stop_loss)]
    if setup.take_profit_2 is not None:
        levels.insert(0, ("target 2", setup.take_profit_2))
    console.write()
    console.write_drawing(
        draw(
            batch,
            indicators,
            levels,
            title=f"{setup.symbol}, {interval.code}",
            width=console.width,
            colour=console.colour,
            is_unicode=console.is_unicode,
        )
    )


# -- candles

_CANDLES = (
    Column("open_time", label="opened"),
    Column("open", 1, right=True),
    Column("high", 1, right=True),
    Column("low", 1, right=True),
    Column("close", right=True),
    Column("volume", 3, right=True),
    Column("turnover", 5, right=True),
    Column("bb_upper", 2, right=True),
    Column("bb_middle", 4, right=True),
    Column("bb_lower", 2, right=True),
    Column("rsi", right=True),
    Column("atr", right=True),
    Column("volume_ma", 4, right=True),
)


def candles_table(console: Console, rows: Iterable[CandleRow]) -> None:
    table = []
    for row in rows:
        prices = (row.open, row.high, row.low, row.close, row.volume, row.turnover)
        indicators = (row.bb_upper, row.bb_middle, row.bb_lower, row.rsi, row.atr, row.volume_ma)
        table.append(
            (
                console.time(row.open_time),
                *(price(console, value) for value in prices),
                *(_figure(console, value) for value in indicators),
            )
        )
    _table(console, _CANDLES, table)


def _figure(console: Console, value: float | None) -> str:
    if value is None:
        return ""
    return repr(value) if console.width is None else f"{value:.6g}"


# -- trades

_TRADES = (
    Column("id", right=True),
    Column("setup_id", 6, right=True),
    Column("symbol"),
    Column("direction", label="side"),
    Column("mode", 4),
    Column("status"),
    Column("quantity", 3, right=True),
    Column("entry_price", right=True, label="entry"),
    Column("exit_price", right=True, label="exit"),
    Column("stop_loss", 3, right=True, label="stop"),
    Column("take_profit_1", 5, right=True, label="target 1"),
    Column("pnl", right=True, signed=True, label="P&L"),
    Column("pnl_percent", 5, right=True, signed=True, label="%"),
    Column("r_multiple", 1, right=True, signed=True, label="R"),
    Column("fees", 5, right=True),
    Column("entry_time", 4, label="entered"),
    Column("exit_time", 5, label="exited"),
    Column("close_reason", 2, label="reason"),
)


def trades_table(console: Console, views: Sequence[TradeView]) -> None:
    rows = [
        (
            str(v.trade.id),
            str(v.trade.setup_id),
            v.trade.symbol,
            str(v.trade.direction),
            v.trade.mode,
            str(v.trade.status),
            price(console, v.position.entered),
            price(console, v.position.entry_price),
            price(console, v.position.exit_price),
            price(console, v.trade.stop_loss),
            price(console, v.trade.take_profit_1),
            amount(console, v.pnl.pnl, sign=True),
            ratio(console, v.pnl.percent, sign=True),
            ratio(console, v.pnl.r_multiple, sign=True),
            amount(console, v.pnl.fees),
            console.time(v.trade.entry_time),
            console.time(v.trade.exit_time),
            v.trade.close_reason or v.trade.detail,
        )
        for v in views
    ]
    _table(console, _TRADES, rows)


def trade_line(view: TradeView) -> str:
    """Return one sentence on where a trade stands."""
    trade, position, pnl = view.trade, view.position, view.pnl
    entered, exited = ("bought", "sold") if trade.direction.sign > 0 else ("sold", "bought back")
    text = f"trade {trade.id} {trade.status}: {trade.symbol} {trade.direction}"
    if position.entry_price is not None:
        text += f", {entered} {plain(position.entered)} at {plain(_PRICE_DIGITS.plus(position.entry_price))}"
    if position.exit_price is not None:
        text += f", {exited} {plain(position.exited)} at {plain(_PRICE_DIGITS.plus(position.exit_price))}"
    if pnl.pnl is not None:
        r = "" if pnl.r_multiple is None else f" ({pnl.r_multiple:+.2f} R)"
        text += f", P&L {pnl.pnl:+.2f} {trade.quote_coin}{r} after fees of {pnl.fees:.2f}"
    elif position.entry_price is not None:
        text += f", stop {plain(trade.stop_loss)}, target {plain(trade.take_profit_1)}"
    if trade.close_reason:
        text += f"; {trade.close_reason}"
    return text


_ORDERS = (
    Column("order_link_id", label="order"),
    Column("role", 1),
    Column("side"),
    Column("qty", right=True),
    Column("trigger_price", 2, right=True, label="trigger"),
    Column("status"),
    Column("filled_qty", 1, right=True),
    Column("avg_price", right=True, label="price"),
    Column("fees", 2),
    Column("exchange_order_id", 5),
    Column("created_at", 4),
    Column("reason", 3),
)
_FILLS = (
    Column("execution_id", label="fill"),
    Column("order_link_id", 2, label="order"),
    Column("side"),
    Column("qty", right=True),
    Column("price", right=True),
    Column("fees", 1),
    Column("executed_at", 3),
)


def trade_card(console: Console, view: TradeView, fills: Iterable[Fill], log: Iterable[LogEntry]) -> None:
    """Write one trade: where it stands, its orders, fills and history."""
    _flow(console, trade_line(view))
    trade, pnl = view.trade, view.pnl
    _facts(
        console,
        [
            ("setup", str(trade.setup_id)),
            ("mode", trade.mode),
            ("stop", price(console, trade.stop_loss)),
            ("target 1", price(console, trade.take_profit_1)),
            ("target 2", price(console, trade.take_profit_2)),
            ("entered", console.time(trade.entry_time)),
            ("exited", console.time(trade.exit_time)),
            ("gross P&L", amount(console, pnl.gross, sign=True)),
            ("fees", amount(console, pnl.fees)),
            ("dust", "" if pnl.dust is None else f"{price(console, pnl.dust)} {trade.base_coin}"),
            ("notice", trade.detail),
        ],
    )
    console.write()
    _table(console, _ORDERS, [_order_row(console, o) for o in view.orders])
    console.write()
    rows = [
        (
            f.execution_id,
            f.order_link_id,
            str(f.side),
            price(console, f.qty),
            price(console, f.price),
            fees_text(console, dict(f.fees)),
            console.time(f.executed_at),
        )
        for f in fills
    ]
    _table(console, _FILLS, rows)
    console.write()
    for entry in log:
        text = f"{console.time(entry.at)}  {entry.event}{': ' if entry.detail else ''}{entry.detail}"
        _flow(console, text)


def _order_row(console: Console, view: OrderView) -> tuple[str, ...]:
    order = view.order
    return (
        order.order_link_id,
        str(order.role),
        str(order.side),
        price(console, order.qty),
        price(console, order.trigger_price),
        str(order.status),
        price(console, view.filled_qty),
        price(console, view.avg_price),
        fees_text(console, view.fees),
        order.exchange_order_id or "",
        console.time(order.created_at),
        order.reason,
    )


# -- parts


def _table(console: Console, columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> None:
    """Write a table; on a terminal nothing when it is empty, and no column that is."""
    if console.width is None:
        console.table(columns, rows)
        return
    filled = [i for i in range(len(columns)) if any(row[i] for row in rows)]
    if rows:
        console.table([columns[i] for i in filled], [[row[i] for i in filled] for row in rows])


FLOW_IN, FACT_AT = 2, 15
"""The column at which a text goes on, and a fact's value begins."""


def _flow(console: Console, text: str) -> None:
    """Write a text; on a terminal it goes on below its beginning, a little further in."""
    if console.width is None:
        console.write(text)
        return
    for number, line in enumerate(wrapped(text, console.width - FLOW_IN, " " * FLOW_IN)):
        console.write(line if number else line[FLOW_IN:])


def _facts(console: Console, facts: Iterable[tuple[str, str]]) -> None:
    """Write name and value line by line, leaving out what is empty."""
    for name, value in facts:
        if not value:
            continue
        if console.width is None:
            console.write(f"{name}\t{value}")
            continue
        first, *rest = wrapped(value, console.width - FACT_AT, " " * FACT_AT)
        for line in (f"  {name:<12} {first[FACT_AT:]}", *rest):
            console.write(line)


# -- passes


def record_report(console: Console, result: RecordResult) -> None:
    rows = [
        (
            s.symbol,
            s.timeframe,
            str(s.recorded),
            console.time(s.first),
            console.time(s.last),
            str(s.gaps),
        )
        for s in result.series
    ]
    _table(console, _SERIES, rows)
    repaired = f", {result.repaired} of them in gaps" if result.repaired else ""
    console.say(f"{count(result.recorded, 'candle')} recorded{repaired}")
    for failure in result.errors:
        console.complain(failure.error)


_SERIES = (
    Column("symbol"),
    Column("timeframe"),
    Column("recorded", right=True),
    Column("first", 1),
    Column("last"),
    Column("gaps", right=True),
)


def scan_report(console: Console, result: ScanResult) -> None:
    rows = [(s.symbol, "DETECTED", f"setup {s.id}: {_levels(console, s)}") for s in result.detected]
    rows += [(f"setup {i.id}", "INVALIDATED", i.reason) for i in result.invalidated]
    rows += [(s.symbol, str(s.reason), s.detail) for s in result.skipped]
    _table(console, _SCAN, rows)
    console.say(f"{count(result.scanned, 'symbol')} scanned, {count(len(result.detected), 'setup')} found")
    if result.detected:
        console.say(f"next: `botbox show {result.detected[0].id}`")


_SCAN = (Column("symbol"), Column("outcome"), Column("detail"))


def _levels(console: Console, setup: Setup) -> str:
    levels = (setup.entry_price, setup.stop_loss, setup.take_profit_1)
    entry, stop, target = (price(console, level) for level in levels)
    return f"{setup.kind} {setup.direction}, entry {entry}, stop {stop}, target {target}"


def monitor_report(console: Console, result: MonitorResult) -> None:
    rows = [(str(t.id), t.symbol, price(console, t.price), t.action, t.detail) for t in result.trades]
    if not rows and not result.errors and not console.err.isatty():
        return  # cron writes a letter about every word
    _table(console, _MONITOR, rows)
    console.say(
        f"{count(result.checked, 'trade')} checked, {result.closed} closed" if rows else "no open trades"
    )
    for failure in result.errors:
        console.complain(failure.error)


_MONITOR = (
    Column("id", right=True),
    Column("symbol"),
    Column("price", right=True),
    Column("action"),
    Column("detail"),
)


# -- passes of the scheduled job: a line or two each, for a log


def record_brief(console: Console, result: RecordResult) -> None:
    gaps = sum(s.gaps for s in result.series)
    lost = f", {gaps} missing in gaps" if gaps else ""
    console.write(f"record: {count(result.recorded, 'candle')} in {len(result.series)} series{lost}")
    for failure in result.errors:
        console.complain(failure.error)


def scan_brief(console: Console, result: ScanResult) -> None:
    console.write(f"scan: {count(result.scanned, 'symbol')}, {count(len(result.detected), 'setup')} found")
    for setup in result.detected:
        console.write(f"scan: setup {setup.id}, {setup.symbol}: {_levels(console, setup)}")
    for gone in result.invalidated:
        console.write(f"scan: setup {gone.id} invalidated: {gone.reason}")


def monitor_brief(console: Console, result: MonitorResult) -> None:
    console.write(f"monitor: {count(result.checked, 'trade')} checked, {result.closed} closed")
    for trade in result.trades:
        if trade.action != "none":
            console.write(f"monitor: trade {trade.id}, {trade.symbol}: {trade.action}, {trade.detail}")
    for failure in result.errors:
        console.complain(failure.error)


# -- doctor

_FINDINGS = (Column("check"), Column("status"), Column("detail"), Column("remedy"))
_MARKS = {"ok": ("✓", "ok", "32"), "warning": ("!", "!", "33"), "failed": ("✗", "NO", "31;1")}


def findings_report(console: Console, findings: Iterable[Finding]) -> None:
    """Write one line a finding and, below it, its remedy."""
    if console.width is None:
        console.table(_FINDINGS, [(f.check, str(f.status), f.detail, f.remedy) for f in findings])
        return
    for finding in findings:
        sign, word, colour = _MARKS[finding.status]
        mark = sign if console.is_unicode else word
        console.write_marked(mark, colour, f"{finding.check}: {finding.detail}")
        if finding.remedy:
            console.write(f"  {finding.remedy}")


# -- statistics


def stats_table(console: Console, rows: Iterable[tuple[Account, Statistics]]) -> None:
    table = [
        (
            str(account.mode),
            account.user_id,
            str(s.trades),
            str(s.wins),
            str(s.losses),
            ratio(console, None if s.win_rate is None else s.win_rate * 100),
            ratio(console, s.expectancy_r, sign=True),
            ratio(console, s.profit_factor),
            amount(console, s.max_drawdown),
            amount(console, s.pnl, sign=True),
            amount(console, s.fees),
        )
        for account, s in rows
    ]
    _table(console, _STATS, table)


_STATS = (
    Column("mode"),
    Column("user_id", 2),
    Column("trades", right=True),
    Column("wins", 1, right=True),
    Column("losses", 1, right=True),
    Column("win_rate_percent", right=True, label="win %"),
    Column("expectancy_r", right=True, signed=True, label="expectancy R"),
    Column("profit_factor", right=True),
    Column("max_drawdown", 1, right=True),
    Column("pnl", right=True, signed=True, label="P&L"),
    Column("fees", 2, right=True),
)


# -- looking back

_SHADOW = (
    Column("group"),
    Column("n", right=True),
    Column("would_r", right=True, signed=True, label="would R"),
    Column("low", 2, right=True, label="from"),
    Column("high", 2, right=True, label="to"),
    Column("hit_rate_percent", 3, right=True, label="hit %"),
    Column("total_r", 1, right=True, signed=True, label="total R"),
    Column("made_r", right=True, signed=True, label="decision made R"),
    Column("made_low", 2, right=True, label="each from"),
    Column("made_high", 2, right=True, label="each to"),
    Column("unfinished", 4, right=True),
    Column("not_entered", 3, label="not entered"),
)


def shadow_table(console: Console, shadow: Shadow) -> None:
    from botbox_cli.services.backtest import LEAST_TRADES

    rows = []
    for g in shadow.groups:
        s, m = g.summary, g.made_each
        figures = (s.expectancy, s.expectancy_low, s.expectancy_high)
        rate = s.hit_rate * 100 if s.hit_rate is not None and s.n >= LEAST_TRADES else None
        rows.append(
            (
                g.name,
                str(s.n),
                *(_r(console, v) for v in figures),
                _r(console, rate),
                _r(console, s.total_r if s.n else None),
                _r(console, g.made if s.n else None),
                _r(console, m.expectancy_low),
                _r(console, m.expectancy_high),
                str(g.unfinished) if g.unfinished else "",
                ", ".join(f"{n} {why}" for why, n in g.not_entered.items()),
            )
        )
    _table(console, _SHADOW, rows)


def _r(console: Console, value: float | None) -> str:
    if value is None:
        return ""
    return repr(value) if console.width is None else f"{value:+.2f}"


_REVIEW = (
    Column("trade_id", right=True, label="trade"),
    Column("symbol"),
    Column("exit_time", 1, label="exited"),
    Column("r_multiple", right=True, signed=True, label="R"),
    Column("question"),
)


def review_table(console: Console, questions: Iterable[Question]) -> None:
    rows = [
        (
            str(q.trade.trade.id),
            q.trade.trade.symbol,
            console.time(q.trade.trade.exit_time),
            ratio(console, q.trade.pnl.r_multiple, sign=True),
            q.text,
        )
        for q in questions
    ]
    _table(console, _REVIEW, rows)
