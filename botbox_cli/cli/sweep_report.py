"""A sweep for people, for scripts and as CSV: table, heat map, and how much of the best may be luck."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from io import StringIO
from pathlib import Path

from botbox_cli.cli import html
from botbox_cli.cli.backtest_report import figures_of, rounded, summary_document
from botbox_cli.cli.console import Column, Console
from botbox_cli.documents import Document, iso
from botbox_cli.domain.candle import from_ms
from botbox_cli.services.sweep import Figures, Sweep, Tried

_SHADES = " ░▒▓█"
_PLAIN_SHADES = " .:*#"


# -- documents


def sweep_document(result: Sweep) -> Document:
    """Return the JSON document of a sweep."""
    best = result.best
    return {
        "rule": result.rule,
        "timeframe": result.timeframe,
        "start": iso(from_ms(result.start_ms)),
        "split": iso(from_ms(result.split_ms)),
        "end": iso(from_ms(result.end_ms)),
        "tried": result.tried,
        "known_before": result.known_before,
        "best": best
        and {
            "rule": best.rule,
            "values": best.values,
            "in_sample": summary_document(best.before),
            "out_of_sample": summary_document(best.after),
            "deflated_probability": rounded(best.deflated),
            "expectancy_by_luck": rounded(best.luck_r),
        },
        "skipped": [{"symbol": symbol, "detail": why} for symbol, why in result.skipped],
        "combinations": [
            {"values": t.values, "in_sample": _figures(t.before), "out_of_sample": _figures(t.after)}
            for t in result.rows
        ],
    }


def _figures(f: Figures) -> Document:
    return {
        "trades": f.n,
        "wins": f.wins,
        "expectancy": rounded(f.expectancy),
        "profit_factor": rounded(f.profit_factor),
        "score": rounded(f.score),
    }


def write_csv(path: Path, result: Sweep) -> None:
    """Write one line a combination. Raises UsageError if the file can't be written."""
    text = StringIO()
    names = list(result.rows[0].values) if result.rows else []
    writer = csv.writer(text, lineterminator="\n")
    parts = ("in_sample", "out_of_sample")
    figures = list(_figures(Figures()))
    writer.writerow([*names, *(f"{part}_{figure}" for part in parts for figure in figures)])
    for t in result.rows:
        cells = [*t.values.values(), *_figures(t.before).values(), *_figures(t.after).values()]
        writer.writerow(["" if cell is None else cell for cell in cells])
    html.save(path, text.getvalue(), "--csv")


# -- text

_COLUMNS = (
    Column("in_trades", right=True),
    Column("in_hit_percent", 1, right=True, label="in hit %"),
    Column("in_expectancy_r", right=True, signed=True, label="in R"),
    Column("in_profit_factor", 2, right=True, label="in factor"),
    Column("in_score", right=True, signed=True, label="in score"),
    Column("out_trades", right=True),
    Column("out_expectancy_r", right=True, signed=True, label="out R"),
    Column("out_profit_factor", 3, right=True, label="out factor"),
)


def show(console: Console, result: Sweep, top: int) -> None:
    """Print a sweep: the best combinations by their in-sample score, the heat map, the verdict."""
    for symbol, why in result.skipped:
        console.warn(f"{symbol} is left out: {why}")
    for c in result.coverage:
        if c.missing:
            console.warn(f"{c.symbol}: {c.missing} candles lack in {len(c.gaps)} gaps; none is bridged")
    if result.known_before:
        console.say(
            f"{result.known_before} of {len(result.rows)} combinations were known from an earlier run"
        )
    shown = result.rows[:top]
    names = list(shown[0].values) if shown else []
    columns = [*(Column(name, right=True) for name in names), *_COLUMNS]
    console.table(columns, [_row(t) for t in shown])
    varied = [n for n in names if len({t.values[n] for t in result.rows}) > 1]
    if console.width is not None and len(varied) > 1:
        is_unicode = "utf" in (console.out.encoding or "utf-8").lower()
        for line in heat_map(result.rows, varied[0], varied[1], is_unicode=is_unicode, width=console.width):
            console.write(line)
    _verdict(console, result)


def _row(t: Tried) -> tuple[str, ...]:
    before, after = t.before, t.after
    return (
        *(f"{v:g}" if isinstance(v, float) else str(v) for v in t.values.values()),
        str(before.n),
        f"{before.wins / before.n * 100:.1f}" if before.n else "",
        _signed(before.expectancy, 3),
        _number(before.profit_factor),
        _signed(before.score, 2),
        str(after.n),
        _signed(after.expectancy, 3),
        _number(after.profit_factor),
    )


def _signed(value: float | None, digits: int) -> str:
    return "" if value is None or not math.isfinite(value) else f"{value:+.{digits}f}"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def heat_map(rows: Sequence[Tried], down: str, across: str, *, is_unicode: bool, width: int) -> list[str]:
    """Return the in-sample expectancy over two parameters, of several combinations in one cell the mean."""
    cells: dict[tuple[object, object], list[float]] = {}
    for t in rows:
        if t.before.expectancy is not None:
            cells.setdefault((t.values[down], t.values[across]), []).append(t.before.expectancy)
    if not cells:
        return []
    means = {place: sum(values) / len(values) for place, values in cells.items()}
    low, high = min(means.values()), max(means.values())
    shades = _SHADES if is_unicode else _PLAIN_SHADES
    ys, xs = sorted({y for y, _ in means}), sorted({x for _, x in means})  # type: ignore[type-var]
    margin = max(len(f"{y}") for y in ys) + 1
    each = max(1, max(len(f"{x}") for x in xs) + 1)
    fitting = max(1, (width - margin - 2) // each)
    lines = [f"in-sample expectancy from {low:+.3f} R to {high:+.3f} R; down {down}, across {across}"]
    lines.append(" " * margin + "".join(f"{x!s:>{each}}" for x in xs[:fitting]))
    for y in ys:
        shown = ""
        for x in xs[:fitting]:
            mean = means.get((y, x))
            step = 0.0 if mean is None else (mean - low) / (high - low or 1.0)
            mark = "?" if mean is None else shades[round(step * (len(shades) - 1))]
            shown += " " + mark * (each - 1)
        lines.append(f"{y!s:>{margin}}{shown}".rstrip())
    if len(xs) > fitting:
        lines.append(f"{len(xs) - fitting} more columns on a wider terminal")
    return lines


def _verdict(console: Console, result: Sweep) -> None:
    best = result.best
    console.say(
        f"{result.tried} combinations tried on these candles; compared up to {from_ms(result.split_ms):%Y-%m-%d %H:%M} "
        f"UTC, the best then looked at from there on"
    )
    if best is None:
        console.say("none of them has 30 trades: nothing can be said of any")
        return
    columns = (
        Column("best"), Column("trades", right=True), Column("hit_rate_percent", right=True, label="hit %"),
        Column("hit_interval", 1, right=True, label="95 %"),
        Column("expectancy_r", right=True, signed=True, label="expectancy R"),
        Column("expectancy_interval", 1, right=True, label="95 %"), Column("profit_factor", 2, right=True),
        Column("max_drawdown_r", 3, right=True, label="drawdown R"), Column("worst_run", 3, right=True),
        Column("total_r", 2, right=True, signed=True),
    )  # fmt: skip
    console.table(columns, [figures_of("in sample", best.before), figures_of("out of sample", best.after)])
    console.say(f"best: {best.rule}")
    if best.luck_r is not None:
        console.say(
            f"the best of {result.tried} without any edge would show about {best.luck_r:+.3f} R in sample by luck alone"
        )
    if best.deflated is not None:
        console.say(f"probability of an edge, deflated by the number of trials: {best.deflated:.1%}")
