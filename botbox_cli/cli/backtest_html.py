"""A backtest as one HTML file: tables, the equity curve and the trades by R."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

from botbox_cli.cli import html
from botbox_cli.cli.backtest_report import (
    FIGURES,
    counts,
    days,
    excursions,
    figures_of,
    gaps_of,
    histogram_of,
)
from botbox_cli.services.backtest import Backtest, Report

HOUR_S, DAY_S = 3600, 86_400
SHORT_S = 60 * DAY_S
WON, LOST = "#26a69a", "#ef5350"

_SCRIPT = """
const dark = matchMedia('(prefers-color-scheme: dark)').matches;
const options = {autoSize: true, layout: {background: {color: 'transparent'}, textColor: dark ? '#ccc' : '#333'},
  grid: {vertLines: {visible: false}, horzLines: {color: '#8882'}}, timeScale: {timeVisible: true}};
for (const part of DATA.parts) {
  if (part.equity.length) {
    const chart = LightweightCharts.createChart(document.getElementById(part.id + '-equity'), options);
    chart.addSeries(LightweightCharts.AreaSeries, {lineWidth: 2, priceLineVisible: false}).setData(part.equity);
    chart.timeScale().fitContent();
  }
  if (part.bins.length) {
    const bars = LightweightCharts.createOptionsChart(document.getElementById(part.id + '-r'), {...options,
      localization: {precision: 1}, rightPriceScale: {scaleMargins: {top: 0.1, bottom: 0}}});
    bars.addSeries(LightweightCharts.HistogramSeries, {priceFormat: {type: 'volume'}, priceLineVisible: false,
      lastValueVisible: false}).setData(part.bins);
    bars.timeScale().fitContent();
  }
}
"""


def write_html(path: Path, result: Backtest) -> None:
    """Write the one HTML file. Raises UsageError if it can't be written."""
    parts = list(_parts(result))
    body = [f'<p class="note">{escape(_model(result))}</p>']
    body += [f"<p>{escape(text)}</p>" for text in _notes(result)]
    if result.folds:
        rows = []
        for number, fold in enumerate(result.folds, 1):
            rows.append((*figures_of(f"{number} in sample", fold.in_sample.summary), fold.rule))
            rows.append((*figures_of(f"{number} out of sample", fold.out_of_sample.summary), fold.rule))
        body.append("<h2>Steps: never one number over both samples</h2>")
        body.append(html.table([*_headings("step"), "rule"], rows))
    for number, (name, report) in enumerate(parts):
        body += _section(f"part{number}", name, report)
    data = {"parts": [_drawn(f"part{n}", report) for n, (_, report) in enumerate(parts)]}
    title = f"Backtest of {result.rule}, {result.timeframe}"
    html.save(path, html.page(title, "\n".join(body), data, _SCRIPT), "--html")


def _parts(result: Backtest) -> Iterator[tuple[str, Report]]:
    if result.report is not None:
        yield "All trades", result.report
    if result.out_of_sample is not None:
        yield "Out of sample", result.out_of_sample


def _model(result: Backtest) -> str:
    t = result.terms
    opens = "1 candle" if t.delay == 1 else f"{t.delay} candles"
    return (
        f"Entry at the open {opens} after the signal, fee {t.fee_rate:.3%} and slippage {t.slippage:.3%} a fill, "
        f"{t.tp1_fraction:.0%} closed at TP1, stop before target within a candle."
    )


def _notes(result: Backtest) -> Iterator[str]:
    for symbol, why in result.skipped:
        yield f"{symbol} is left out: {why}."
    for c in result.coverage:
        if c.missing:
            yield f"{c.symbol}: {c.missing} candles lack in {gaps_of(c)}; none is bridged."


def _section(id_: str, name: str, report: Report) -> Iterator[str]:
    s = report.summary
    yield f"<h2>{escape(name)}: {escape(days(report))}</h2>"
    yield html.table(_headings(""), [figures_of("all", s)])
    yield (
        f"<p>{report.setups} setups; not entered: {escape(counts(report.refused))}; unfinished: "
        f"{escape(counts(report.unfinished))}. Equity {report.balance:.2f} to {report.final_equity:.2f}, deepest fall "
        f"{report.max_drawdown:.1%}, exposure {report.exposure:.1%}. MAE {escape(excursions(report.mae))}; MFE "
        f"{escape(excursions(report.mfe))}.</p>"
    )
    if report.equity:
        yield f'<h2>Equity</h2><div class="chart" id="{id_}-equity"></div>'
        yield '<h2>Trades by R</h2><p class="note">Each bar holds half an R, from the value below it on.</p>'
        yield f'<div class="chart" id="{id_}-r"></div>'
    for group, groups in report.groups.items():
        if groups:
            yield f"<h2>By {escape(group)}</h2>"
            yield html.table(_headings(group), [figures_of(g.name, g.summary) for g in groups])


def _headings(first: str) -> list[str]:
    return [first, *((c.label or c.name).replace("_", " ") for c in FIGURES[1:])]


def _drawn(id_: str, report: Report) -> dict[str, Any]:
    bins = [
        {"time": float(label), "value": count, "color": LOST if float(label) < 0 else WON}
        for label, count in histogram_of(report)
    ]
    return {"id": id_, "equity": list(_equity_by_time(report)) if report.equity else [], "bins": bins}


def _equity_by_time(report: Report) -> Iterator[dict[str, float]]:
    """Yield the equity at even steps (the chart spaces its points evenly): days, or hours of a short stretch."""
    start, end = int(report.start.timestamp()), int(report.equity[-1][0].timestamp())
    step = HOUR_S if end - start < SHORT_S else DAY_S
    value, row = report.balance, 0
    for at in range(start // step * step, end + step, step):
        while row < len(report.equity) and report.equity[row][0].timestamp() <= at:
            value = report.equity[row][1]
            row += 1
        yield {"time": at, "value": round(float(value), 2)}
