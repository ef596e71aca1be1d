"""The story of a setup and its trades: as a document, for people, and as one HTML file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import copy
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botbox_cli.cli import html
from botbox_cli.cli.render.numbers import price
from botbox_cli.cli.render.setups import in_words
from botbox_cli.cli.render.trades import trade_line
from botbox_cli.documents import (
    Document,
    fill_document,
    iso,
    log_document,
    setup_document,
    time_or_null,
    trade_document,
)
from botbox_cli.domain.number import plain

if TYPE_CHECKING:
    from botbox_cli.cli.console import Console
    from botbox_cli.ports import LogEntry
    from botbox_cli.services.charting import Drawing
    from botbox_cli.services.explain import Basis, Explanation, Slip, TradeStory

Section = tuple[str, list[tuple[str, str]]]
"""A heading and facts by name."""


# -- document


def explanation_document(told: Explanation) -> Document:
    return {
        "setup": {
            **setup_document(told.setup),
            "rule": told.setup.rule,
            "candle_time": time_or_null(told.setup.candle_time),
        },
        "basis": None if told.basis is None else _basis_document(told.basis),
        "shown": told.shown or None,
        "decisions": [{**log_document(e), "by": (e.data or {}).get("by")} for e in told.decisions],
        "trades": [_story_document(story) for story in told.trades],
    }


def _basis_document(basis: Basis) -> Document:
    return {
        "hashes": basis.hashes,
        "is_same": basis.is_same,
        "is_gone": basis.is_gone,
        "indicators": basis.indicators,
        "regime": {"ratio": basis.regime_ratio, "reading": basis.regime},
        "figures": basis.figures,
        "signals": [{"type": s.type, "value": s.value, "limit": s.limit} for s in basis.signals],
    }


def _story_document(story: TradeStory) -> Document:
    return {
        "trade": trade_document(story.view),
        "plan": story.plan,
        "arithmetic": list(story.arithmetic),
        "fills": [fill_document(f) for f in story.fills],
        "slippage": [_slip_document(s) for s in story.slips],
        "log": [log_document(e) for e in story.log],
    }


def _slip_document(slip: Slip) -> Document:
    return {
        "order_link_id": slip.order_link_id,
        "role": str(slip.role),
        "planned": plain(slip.planned),
        "filled": plain(slip.filled),
        "slippage": plain(slip.slippage),
        "percent": plain(slip.percent),
        "r": None if slip.r is None else plain(slip.r),
    }


# -- for people


def sections(console: Console, told: Explanation) -> Iterator[Section]:
    """Yield what there is to tell, part by part; what is empty is left out."""
    yield _setup_section(console, told)
    if told.basis is not None:
        yield from _basis_sections(told.basis)
    yield "Decided", [(_stamp(console, e), _decision(e)) for e in told.decisions]
    shown = list(_shown_facts(told.shown))
    if shown:
        yield "Shown at the decision", shown
    for story in told.trades:
        yield from _story_sections(console, story)


def _setup_section(console: Console, told: Explanation) -> Section:
    s = told.setup
    levels = [("entry", s.entry_price), ("stop", s.stop_loss), ("target 1", s.take_profit_1)]
    if s.take_profit_2 is not None:
        levels.append(("target 2", s.take_profit_2))
    by = "by hand" if s.source == "manual" else f"{s.kind} on {s.timeframe} by {s.rule}"
    facts = [("status", f"{s.status}{': ' if s.reason else ''}{s.reason}"), ("proposed", by)]
    facts += [(name, price(console, level)) for name, level in levels]
    facts += [("detected", console.time(s.detected_at)), ("note", s.note)]
    return f"Setup {s.id}: {s.symbol} {s.direction}", facts


def _basis_sections(basis: Basis) -> Iterator[Section]:
    facts = []
    for name, part in (basis.hashes or {}).items():
        last = (part["last"] or "none").replace("+00:00", "Z")
        span = f"{part['count']} of {part['timeframe']} up to {last}"
        facts.append((name, f"{span}, SHA-256 {part['sha256']}"))
    same = {
        True: "the stored candles are still these",
        False: "CHANGED: the stored candles are not these any more",
        None: "no hash was logged at detection",
    }
    gone = "GONE: some of these candles are not stored any more (see BOTBOX_CANDLE_RETENTION)"
    facts.append(("today", gone if basis.is_gone else same[basis.is_same]))
    yield "Candles used", facts
    seen = [(name, f"{value:.8g}") for name, value in basis.indicators.items()]
    if basis.regime_ratio is not None:
        seen.append(("regime", f"{basis.regime}, ATR {basis.regime_ratio:.4f} × its mean"))
    seen.append(("rule", basis.figures))
    yield "Indicators of its candle", seen
    yield (
        "Signals against their limits",
        [(s.type, f"{s.value:.8g}{f'  ({s.limit})' if s.limit else ''}") for s in basis.signals],
    )


def _decision(entry: LogEntry) -> str:
    by = (entry.data or {}).get("by")
    return f"{entry.event}{f' by {by}' if by else ''}{': ' if entry.detail else ''}{entry.detail}"


def _shown_facts(shown: dict[str, Any]) -> Iterator[tuple[str, str]]:
    statistics = shown.get("statistics")
    if statistics:
        yield "like it", f"{statistics['rule']}, {statistics['kind']}, {in_words(statistics['regime_band'])}"
        for name in ("symbol", "all_symbols"):
            yield name.replace("_", " "), _tally(statistics[name])
    quote = shown.get("quote")
    if quote:
        yield "quote", f"bid {quote['bid']}, ask {quote['ask']}, last {quote['last']}"
    if shown.get("sizing"):
        sizing = shown["sizing"]
        yield "size", f"{sizing['qty']} worth {sizing['value']}, risk {sizing['risk']}"
    for refusal in shown.get("against") or ():
        yield "refused then", refusal


def _tally(tally: dict[str, Any]) -> str:
    if tally["hit_rate"] is None:
        return f"{tally['n']} ended, too few for a rate"
    low, high = tally["hit_rate_interval"]
    least, most = tally["expectancy_r_interval"]
    return (
        f"{tally['n']} ended: {tally['hit_rate']:.0%} hit ({low:.0%} to {high:.0%}), "
        f"{tally['expectancy_r']:+.2f} R ({least:+.2f} to {most:+.2f}), worst run {tally['worst_run']}"
    )


def _story_sections(console: Console, story: TradeStory) -> Iterator[Section]:
    view = story.view
    yield trade_line(view), []
    if story.plan is not None:
        quote = story.plan["quote"]
        drift = f"{float(story.plan['drift_r']):+.3f} R against the setup's entry"
        facts = [("quote", f"bid {quote['bid']}, ask {quote['ask']}, last {quote['last']}; {drift}")]
        yield "Size", facts + [("", line) for line in story.arithmetic]
    yield "Requests and answers", list(_exchanges(console, story.log))
    fills = []
    for f in story.fills:
        fees = ", ".join(f"{plain(amount)} {coin}" for coin, amount in f.fees)
        fills.append(
            (_time(console, f.executed_at), f"{f.side} {plain(f.qty)} at {plain(f.price)}, fee {fees}")
        )
    yield "Fills", fills
    yield "Slippage against the plan (positive is worse)", [_slip(s) for s in story.slips]
    yield "Result", list(_result(story))
    told = ("sent", "answered", "filled", "planned")
    rest = [(_stamp(console, e), f"{e.event}: {e.detail}") for e in story.log if e.event not in told]
    yield "What else happened", rest


def _exchanges(console: Console, log: Sequence[LogEntry]) -> Iterator[tuple[str, str]]:
    for e in log:
        if e.event == "sent":
            request = (e.data or {}).get("request", {})
            spelled = " ".join(f"{name}={value}" for name, value in request.items())
            yield _stamp(console, e), f"sent {spelled or e.detail}"
        elif e.event == "answered":
            data = e.data or {}
            code = f" (code {data['ret_code']})" if data.get("ret_code") is not None else ""
            order_id = f", order {data['exchange_order_id']}" if data.get("exchange_order_id") else ""
            yield _stamp(console, e), f"answer: {e.detail}{code}{order_id}"


def _slip(s: Slip) -> tuple[str, str]:
    r = "" if s.r is None else f", {float(s.r):+.4f} R"
    filled = f"planned {plain(s.planned)}, filled {plain(round(s.filled, 8))}"
    return str(s.role), f"{filled}: {plain(round(s.slippage, 8))} ({float(s.percent):+.4f} %{r})"


def _result(story: TradeStory) -> Iterator[tuple[str, str]]:
    trade, pnl = story.view.trade, story.view.pnl
    yield "exit", trade.close_reason or str(trade.status)
    if pnl.pnl is None or pnl.gross is None:
        return
    yield "gross", f"{plain(pnl.gross)} {trade.quote_coin}"
    yield "fees", f"{plain(pnl.fees)} {trade.quote_coin}"
    r = "" if pnl.r_multiple is None else f" = {float(pnl.r_multiple):+.3f} R"
    yield "P&L", f"{plain(pnl.pnl)} {trade.quote_coin}{r}"


def _stamp(console: Console, entry: LogEntry) -> str:
    return _time(console, entry.at)


def _time(console: Console, at: Any) -> str:
    return iso(at) if console.width is None else f"{at.astimezone():%Y-%m-%d %H:%M:%S}"


def explanation_text(console: Console, told: Explanation) -> None:
    """Write the story: sections with their facts; in a pipe a record a fact, its section first."""
    for heading, facts in sections(console, told):
        kept = [(name, text) for name, text in facts if text]
        if console.width is None:
            for name, text in kept or [("", "")]:
                console.write(f"{heading}\t{name}\t{text}")
            continue
        if kept or not facts:
            console.write(heading)
        for name, text in kept:
            console.write(f"  {name:<20} {text}" if name else f"    {text}")


def write_html(path: Path, console: Console, told: Explanation, drawing: Drawing | None) -> None:
    """Write the story as one HTML file, with a chart where candles are stored. Raises UsageError."""
    from botbox_cli.cli.chart_html import BODY, SCRIPT, chart_data

    body = [] if drawing is None else [BODY]
    title = ""
    records = copy(console)
    records.width = None  # as for a pipe: exact figures, times in UTC
    for heading, facts in sections(records, told):
        title = title or f"{heading}, explained"
        body.append(f"<h2>{escape(heading)}</h2>")
        kept = [(name, text) for name, text in facts if text]
        if kept:
            body.append(html.facts(kept))
    data = {} if drawing is None else {"chart": chart_data(drawing)}
    text = html.page(title, "\n".join(body), data, SCRIPT if drawing is not None else "")
    html.save(path, console.scrub(text), "--html")
