// Charts by Lightweight Charts, in the page's colours.

const dark = matchMedia("(prefers-color-scheme: dark)");
const charts = new Set();

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function look() {
  return {
    autoSize: true,
    layout: { background: { color: "transparent" }, textColor: colour("--text"), attributionLogo: false, fontSize: 11 },
    grid: { vertLines: { color: colour("--line") }, horzLines: { color: colour("--line") } },
    rightPriceScale: { borderColor: colour("--line") },
    timeScale: { borderColor: colour("--line"), timeVisible: true, secondsVisible: false },
    handleScroll: { vertTouchDrag: false },
  };
}

dark.addEventListener("change", () => charts.forEach((chart) => chart.applyOptions(look())));

function made(container) {
  const chart = LightweightCharts.createChart(container, look());
  charts.add(chart);
  return chart;
}

export function dispose(chart) {
  charts.delete(chart);
  chart.remove();
}

const digitsOf = (text) => (text.split(".")[1] || "").length;

// Candles, bands, volume, and a line for each level {name, price, kind}. The times shown are UTC.
export function candleChart(container, candles, levels) {
  const chart = made(container);
  const digits = Math.min(8, Math.max(2, ...candles.slice(-50).map((c) => digitsOf(c.close))));
  const priceFormat = { type: "price", precision: digits, minMove: 10 ** -digits };
  const up = colour("--up"), down = colour("--down");
  const series = chart.addSeries(LightweightCharts.CandlestickSeries, {
    priceFormat, upColor: up, downColor: down, wickUpColor: up, wickDownColor: down, borderVisible: false,
    lastValueVisible: false, priceLineVisible: false,
    // The levels belong to the picture, however far they are from the candles.
    autoscaleInfoProvider: (original) => {
      const found = original();
      if (found === null) return null;
      const prices = levels.map((level) => level.price);
      found.priceRange.minValue = Math.min(found.priceRange.minValue, ...prices);
      found.priceRange.maxValue = Math.max(found.priceRange.maxValue, ...prices);
      return found;
    },
  });
  series.setData(candles.map((c) => ({
    time: c.time, open: Number(c.open), high: Number(c.high), low: Number(c.low), close: Number(c.close),
  })));
  for (const [name, style] of [["bbUpper", 0], ["bbMiddle", 2], ["bbLower", 0]]) {
    chart.addSeries(LightweightCharts.LineSeries, {
      priceFormat, color: colour("--band"), lineWidth: 1, lineStyle: style, priceLineVisible: false,
      lastValueVisible: false, crosshairMarkerVisible: false,
    }).setData(candles.filter((c) => c[name] !== null).map((c) => ({ time: c.time, value: c[name] })));
  }
  const volume = chart.addSeries(LightweightCharts.HistogramSeries, {
    priceScaleId: "volume", priceFormat: { type: "volume" }, lastValueVisible: false, priceLineVisible: false,
  });
  volume.priceScale().applyOptions({ scaleMargins: { top: 0.85, bottom: 0 } });
  volume.setData(candles.map((c) => ({
    time: c.time, value: Number(c.volume), color: (Number(c.close) >= Number(c.open) ? up : down) + "55",
  })));
  for (const level of levels) {
    series.createPriceLine({
      price: level.price, title: level.name, color: colour(`--${level.kind}`), lineWidth: 2, lineStyle: 2,
      axisLabelVisible: true,
    });
  }
  chart.timeScale().setVisibleLogicalRange({ from: Math.max(0, candles.length - 90), to: candles.length + 4 });
  return chart;
}

// The summed P&L over time.
export function curveChart(container, points) {
  const chart = made(container);
  chart.applyOptions({ handleScroll: false, handleScale: false });
  // It begins at nothing, before the first trade's end.
  const byTime = new Map([[points[0].time - 3600, 0], ...points.map((point) => [point.time, Number(point.pnl)])]);
  const series = chart.addSeries(LightweightCharts.BaselineSeries, {
    baseValue: { type: "price", price: 0 }, lineWidth: 2, priceLineVisible: false,
    topLineColor: colour("--up"), topFillColor1: colour("--up") + "44", topFillColor2: colour("--up") + "08",
    bottomLineColor: colour("--down"), bottomFillColor1: colour("--down") + "08",
    bottomFillColor2: colour("--down") + "44",
  });
  series.setData([...byTime].sort((a, b) => a[0] - b[0]).map(([at, value]) => ({ time: at, value })));
  chart.timeScale().fitContent();
  return chart;
}
