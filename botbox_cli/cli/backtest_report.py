"""A backtest for people, for scripts and as CSV. Figures are rounded where they are shown."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import asdict
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np

from botbox_cli.analysis.statistics import Summary
from botbox_cli.cli import html
from botbox_cli.cli.console import Column, Console
from botbox_cli.cli.curves import bars, curve
from botbox_cli.documents import Document, iso
from botbox_cli.domain.candle import from_ms
from botbox_cli.domain.number import plain
from botbox_cli.services.backtest import LEAST_TRADES, Backtest, Report, TradeLine
from botbox_cli.services.evidence import Coverage

GAPS_SHOWN = 3
DIGITS = 6
_BIN_R = 0.5
_BINS_R = 5.0

# -- documents


def backtest_document(result: Backtest) -> Document:
    """Return the JSON document of a backtest."""
    return {
        "rule": result.rule,
        "timeframe": result.timeframe,
        "terms": asdict(result.terms),
        "coverage": [_coverage_document(c) for c in result.coverage],
        "skipped": [{"symbol": symbol, "detail": why} for symbol, why in result.skipped],
        "report": None if result.report is None else report_document(result.report),
        "folds": [
            {
                "rule": fold.rule,
                "tried": fold.tried,
                "in_sample": report_document(fold.in_sample, with_trades=False),
                "out_of_sample": report_document(fold.out_of_sample, with_trades=False),
            }
            for fold in result.folds
        ],
        "out_of_sample": None if result.out_of_sample is None else report_document(result.out_of_sample),
    }


def report_document(report: Report, *, with_trades: bool = True) -> Document:
    """Return the JSON document of one report."""
    document: Document = {
        "start": iso(report.start),
        "end": iso(report.end),
        "setups": report.setups,
        "refused": report.refused,
        "unfinished": report.unfinished,
        **summary_document(report.summary),
        "exposure": rounded(report.exposure),
        "mae_r": None
        if report.mae is None
        else dict(zip(("won", "lost"), map(rounded, report.mae), strict=True)),
        "mfe_r": None
        if report.mfe is None
        else dict(zip(("won", "lost"), map(rounded, report.mfe), strict=True)),
        "balance": plain(report.balance),
        "final_equity": plain(report.final_equity),
        "max_drawdown_percent": rounded(report.max_drawdown * 100),
        "fees": plain(report.fees),
        "by": {
            name: [{"name": g.name, **summary_document(g.summary)} for g in groups]
            for name, groups in report.groups.items()
        },
    }
    if with_trades:
        document["trades"] = [_trade_document(line) for line in report.lines()]
    return document


def summary_document(summary: Summary) -> Document:
    """Return the JSON figures of a summary, rounded."""
    figures = {name: rounded(value) for name, value in asdict(summary).items()}
    return {"trades": figures.pop("n"), **figures}


def rounded(value: Any) -> Any:
    """Return a figure as it is shown: six digits behind the point; what is no number as null."""
    if not isinstance(value, float):
        return value
    return round(value, DIGITS) if math.isfinite(value) else None


def _coverage_document(c: Coverage) -> Document:
    return {
        "symbol": c.symbol,
        "candles": c.candles,
        "first": None if c.first_ms is None else iso(from_ms(c.first_ms)),
        "last": None if c.last_ms is None else iso(from_ms(c.last_ms)),
        "missing": c.missing,
        "gaps": [{"first": iso(from_ms(a)), "last": iso(from_ms(b))} for a, b in c.gaps],
        "warming_up": c.blind,
    }


_PRICES = ("entry_price", "stop", "take_profit_1", "take_profit_2", "tp1_price", "exit_price")


def _trade_document(line: TradeLine) -> Document:
    document: Document = {}
    for name in TradeLine.__slots__:
        value = getattr(line, name)
        if name in _PRICES:
            document[name] = None if value is None else repr(value).removesuffix(".0")
        elif name in ("qty", "pnl", "fees"):
            document[name] = plain(value)
        elif name.endswith("_time"):
            document[name] = iso(value)
        else:
            document[name] = rounded(value)
    return document


def write_csv(path: Path, reports: Sequence[Report]) -> None:
    """Write one line a trade. Raises UsageError if the file can't be written."""
    text = StringIO()
    writer = csv.DictWriter(text, list(TradeLine.__slots__), lineterminator="\n")
    writer.writeheader()
    for report in reports:
        writer.writerows(_trade_document(line) for line in report.lines())
    html.save(path, text.getvalue(), "--csv")


# -- text

FIGURES = (
    Column("stretch"),
    Column("trades", right=True),
    Column("hit_rate_percent", right=True, label="hit %"),
    Column("hit_interval", 1, right=True, label="95 %"),
    Column("expectancy_r", right=True, signed=True, label="expectancy R"),
    Column("expectancy_interval", 1, right=True, label="95 %"),
    Column("profit_factor", 2, right=True),
    Column("max_drawdown_r", 3, right=True, label="drawdown R"),
    Column("worst_run", 3, right=True),
    Column("total_r", 2, right=True, signed=True, label="total R"),
)


def show(console: Console, result: Backtest) -> None:
    """Print a backtest."""
    _show_coverage(console, result)
    if result.report is not None:
        _show_report(console, result.report, result.rule)
        return
    for number, fold in enumerate(result.folds, 1):
        console.say(f"step {number}: {fold.rule}, chosen of {fold.tried} on the candles before")
        _figures(
            console,
            [
                (f"{number} in sample {days(fold.in_sample)}", fold.in_sample.summary),
                (f"{number} out of sample {days(fold.out_of_sample)}", fold.out_of_sample.summary),
            ],
        )
    if result.out_of_sample is not None:
        _show_report(console, result.out_of_sample, f"{result.rule}, all out of sample")


def _show_coverage(console: Console, result: Backtest) -> None:
    for symbol, why in result.skipped:
        console.warn(f"{symbol} is left out: {why}")
    for c in result.coverage:
        if c.missing:
            shown = ", ".join(
                f"{from_ms(a):%Y-%m-%d %H:%M} to {from_ms(b):%Y-%m-%d %H:%M}" for a, b in c.gaps[:GAPS_SHOWN]
            )
            more = f" and {len(c.gaps) - GAPS_SHOWN} more" if len(c.gaps) > GAPS_SHOWN else ""
            console.warn(
                f"{c.symbol}: {c.missing} candles lack in {gaps_of(c)} ({shown}{more}); none is bridged"
            )


def gaps_of(c: Coverage) -> str:
    return "1 gap" if len(c.gaps) == 1 else f"{len(c.gaps)} gaps"


def _show_report(console: Console, report: Report, title: str) -> None:
    s = report.summary
    facts = (
        ("rule", title),
        ("period", f"{report.start:%Y-%m-%d %H:%M} to {report.end:%Y-%m-%d %H:%M} UTC"),
        ("setups", f"{report.setups}"),
        ("not_entered", counts(report.refused)),
        ("unfinished", counts(report.unfinished)),
        ("trades", f"{s.n}"),
        ("hit_rate", _rate(s)),
        ("expectancy", _mean(s)),
        ("profit_factor", _plain(s.profit_factor)),
        ("drawdown", f"{s.max_drawdown_r:.2f} R, {report.max_drawdown:.1%} of equity"),
        ("worst_run", f"{s.worst_run} losses in a row"),
        ("exposure", f"{report.exposure:.1%} of the time"),
        ("mae", excursions(report.mae)),
        ("mfe", excursions(report.mfe)),
        ("equity", f"{report.balance:.2f} to {report.final_equity:.2f}, {report.fees:.2f} of fees paid"),
    )
    for name, text in facts:
        if console.width is None:
            console.write(f"{name}\t{text}")
        else:
            console.write(f"{name.replace('_', ' '):>14}  {text}")
    for name, groups in report.groups.items():
        if groups:
            _figures(console, [(g.name, g.summary) for g in groups], name)
    if console.width is not None and report.equity:
        points = [(report.start, float(report.balance)), *((at, float(v)) for at, v in report.equity)]
        for line in curve(points, title="equity", width=console.width, encoding=console.out.encoding):
            console.write(line)
        histogram = histogram_of(report)
        title = "trades by R, half an R each from the value named"
        for line in bars(histogram, title=title, width=console.width, encoding=console.out.encoding):
            console.write(line)


def _figures(console: Console, rows: Sequence[tuple[str, Summary]], name: str = "stretch") -> None:
    columns = (Column(name), *FIGURES[1:])
    console.table(columns, [figures_of(label, s) for label, s in rows])


def figures_of(label: str, s: Summary) -> tuple[str, ...]:
    """Return the cells of a line of figures; no rate of fewer than 30 trades."""
    is_enough = s.n >= LEAST_TRADES
    return (
        label,
        str(s.n),
        f"{s.hit_rate * 100:.1f}" if is_enough and s.hit_rate is not None else "",
        _between(s.hit_low, s.hit_high, 100, 1) if is_enough else "",
        _signed(s.expectancy) if is_enough else "",
        _between(s.expectancy_low, s.expectancy_high, 1, 2, sign=True) if is_enough else "",
        _plain(s.profit_factor) if is_enough else "",
        f"{s.max_drawdown_r:.2f}",
        str(s.worst_run),
        _signed(s.total_r),
    )


def _rate(s: Summary) -> str:
    if s.hit_rate is None:
        return "no trades"
    text = f"{s.hit_rate:.1%} (95 %: {_between(s.hit_low, s.hit_high, 100, 1)})"
    return text if s.n >= LEAST_TRADES else f"{text}, but {s.n} trades say little"


def _mean(s: Summary) -> str:
    if s.expectancy is None:
        return "no trades"
    return f"{s.expectancy:+.3f} R (95 %: {_between(s.expectancy_low, s.expectancy_high, 1, 3, sign=True)})"


def _between(low: float | None, high: float | None, factor: float, digits: int, *, sign: bool = False) -> str:
    if low is None or high is None:
        return ""
    form = f"{'+' if sign else ''}.{digits}f"
    return f"{low * factor:{form}} to {high * factor:{form}}"


def _plain(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _signed(value: float | None) -> str:
    return "" if value is None else f"{value:+.2f}"


def counts(counts: dict[str, int]) -> str:
    listed = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{count} {reason.replace('_', ' ')}" for reason, count in listed) or "none"


def excursions(medians: tuple[float, float] | None) -> str:
    return "" if medians is None else f"median {medians[0]:+.2f} R of winners, {medians[1]:+.2f} R of losers"


def days(report: Report) -> str:
    return f"{report.start:%Y-%m-%d} to {report.end:%Y-%m-%d}"


def histogram_of(report: Report) -> list[tuple[str, int]]:
    """Return how many trades ended in each half R; the first and last hold what lies beyond."""
    if not len(report.r):
        return []
    edges = np.arange(-_BINS_R, _BINS_R + _BIN_R, _BIN_R)
    counts, _ = np.histogram(np.clip(report.r, edges[0], edges[-1] - 1e-9), edges)
    filled = np.flatnonzero(counts)
    shown = range(int(filled[0]), int(filled[-1]) + 1)
    return [(f"{edges[i]:+.1f}", int(counts[i])) for i in shown]
