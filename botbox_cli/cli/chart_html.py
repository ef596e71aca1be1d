"""A chart as part of an HTML page: candles, bands, volume and RSI, with levels and fills, by Lightweight Charts."""

from __future__ import annotations

import math
from html import escape
from typing import Any

from botbox_cli.cli import html
from botbox_cli.domain.candle import to_ms
from botbox_cli.domain.number import plain
from botbox_cli.services.charting import Drawing

BODY = """<div class="chart" id="price" style="height:460px"></div>
<div class="chart" id="rsi" style="height:160px"></div>"""
"""Where `SCRIPT` draws."""
BANDS = ("bb_upper", "bb_middle", "bb_lower")
GREEN, RED = "#26a69a", "#ef5350"


def chart_data(drawing: Drawing) -> dict[str, Any]:
    """Return what `SCRIPT` draws. Times are UTC seconds."""
    candles, seen = drawing.candles, drawing.indicators
    times = (candles.open_ms // 1000).tolist()
    prices = [getattr(candles, name).tolist() for name in ("open", "high", "low", "close")]
    rows = zip(times, *prices, strict=True)
    return {
        "candles": [{"time": t, "open": o, "high": h, "low": low, "close": c} for t, o, h, low, c in rows],
        "volume": [
            {"time": t, "value": v, "color": f"{GREEN if c >= o else RED}66"}
            for t, v, o, c in zip(times, candles.volume.tolist(), prices[0], prices[3], strict=True)
        ],
        "bands": [_line(times, getattr(seen, name).tolist()) for name in BANDS],
        # With a place for each candle, so that both panels move by the same count.
        "rsi": [
            {"time": t} if math.isnan(v) else {"time": t, "value": v}
            for t, v in zip(times, seen.rsi.tolist(), strict=True)
        ],
        "levels": [{"name": name, "price": float(price)} for name, price in drawing.levels],
        "marks": [
            {
                "time": drawing.interval.floor_ms(to_ms(mark.at)) // 1000,
                "text": f"{mark.label} {plain(mark.price)}",
                "buy": mark.is_buy,
                "fill": mark.is_fill,
            }
            for mark in drawing.marks
        ],
        "digits": _digits(drawing),
    }


def _line(times: list[int], values: list[float]) -> list[dict[str, float]]:
    return [{"time": t, "value": v} for t, v in zip(times, values, strict=True) if not math.isnan(v)]


def _digits(drawing: Drawing) -> int:
    """Return how many decimals the closes have, for the scale."""
    closes = drawing.candles.close[-50:].tolist()
    return min(8, max((len(repr(c).partition(".")[2]) for c in closes if "e" not in repr(c)), default=2))


def chart_page(drawing: Drawing) -> str:
    """Return a whole page with the chart."""
    note = f"{len(drawing.candles.open_ms)} closed candles, times in UTC."
    body = f'<p class="note">{escape(note)}</p>{BODY}'
    return html.page(drawing.title, body, {"chart": chart_data(drawing)}, SCRIPT)


SCRIPT = """
{
  const L = LightweightCharts, d = DATA.chart;
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const look = {
    autoSize: true,
    layout: { background: { color: "transparent" }, textColor: dark ? "#ddd" : "#222" },
    grid: { vertLines: { color: "#8882" }, horzLines: { color: "#8882" } },
    // Room for the names of levels, which would cover the newest candles and their marks.
    timeScale: { timeVisible: true, secondsVisible: false, rightOffsetPixels: 96 },
    rightPriceScale: { minimumWidth: 76 },
  };
  const format = { type: "price", precision: d.digits, minMove: Math.pow(10, -d.digits) };
  const chart = L.createChart(document.getElementById("price"), look);
  const series = chart.addSeries(L.CandlestickSeries, { priceFormat: format, priceLineVisible: false });
  series.setData(d.candles);
  const thin = { lineWidth: 1, priceLineVisible: false, lastValueVisible: false, crosshairMarkerVisible: false };
  for (const band of d.bands) {
    chart.addSeries(L.LineSeries, { ...thin, color: "#8a8a8a", priceFormat: format }).setData(band);
  }
  const volume = chart.addSeries(L.HistogramSeries, { priceScaleId: "volume", priceFormat: { type: "volume" },
    priceLineVisible: false, lastValueVisible: false });
  volume.priceScale().applyOptions({ scaleMargins: { top: 0.82, bottom: 0 } });
  volume.setData(d.volume);
  const colours = { entry: "#2962ff", stop: "#ef5350" };
  for (const level of d.levels) {
    series.createPriceLine({ price: level.price, title: level.name, color: colours[level.name] || "#26a69a",
      lineWidth: 1, lineStyle: 2, axisLabelVisible: true });
  }
  L.createSeriesMarkers(series, d.marks.map((m) => ({
    time: m.time, text: m.text, color: m.fill ? (m.buy ? "#26a69a" : "#ef5350") : "#f5a623",
    position: m.buy === m.fill ? "belowBar" : "aboveBar", shape: m.fill ? (m.buy ? "arrowUp" : "arrowDown") : "circle",
  })));
  const below = L.createChart(document.getElementById("rsi"), look);
  const rsi = below.addSeries(L.LineSeries, { lineWidth: 1, color: "#7e57c2", title: "RSI",
    priceLineVisible: false });
  rsi.setData(d.rsi);
  for (const bound of [35, 65]) {
    rsi.createPriceLine({ price: bound, color: "#8888", lineWidth: 1, lineStyle: 2, axisLabelVisible: true });
  }
  chart.timeScale().fitContent();
  below.timeScale().fitContent();
  chart.timeScale().subscribeVisibleLogicalRangeChange((r) => r && below.timeScale().setVisibleLogicalRange(r));
}
"""
