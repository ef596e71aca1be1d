"""Figures in Prometheus' text format. Names, once given, stay: dashboards and alarms are built on them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from botbox_cli import __version__
from botbox_cli.services.metrics import Figures
from botbox_cli.services.tally import BOUNDS_S

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def exposition(figures: Figures) -> bytes:
    """Return the figures as Prometheus reads them."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Figures(figures))
    return generate_latest(registry)


class _Figures(Collector):
    def __init__(self, figures: Figures) -> None:
        self._figures = figures
        self._labels = {"mode": figures.mode, "account": figures.account}

    def collect(self) -> Iterator[Metric]:
        f, money = self._figures, self._figures.money
        yield InfoMetricFamily("botbox", "The program.", {"version": __version__})
        yield self._gauge("setups", "Setups by status.", "status", money.setups)
        yield self._gauge("trades", "Trades by status.", "status", money.trades)
        yield self._gauge("realised_pnl", "P&L of closed trades after fees.", "coin", money.pnl)
        yield self._gauge("fees", "Fees of closed trades.", "coin", money.fees)
        yield self._gauge(
            "open_risk", "What the open trades lose if their stops fill.", "coin", money.open_risk
        )
        yield self._gauge("halted", "1 while new entries are halted.", None, {"": f.is_halted})
        yield self._gauge(
            "candle_age_seconds",
            "Since the newest candle opened, of the symbol furthest behind.",
            "timeframe",
            f.candle_ages,
        )
        ages = {job: age for job, (age, _) in f.passes.items()}
        yield self._gauge("pass_age_seconds", "Since the last pass began.", "job", ages)
        oks = {job: is_ok for job, (_, is_ok) in f.passes.items()}
        yield self._gauge("pass_ok", "1 if the last pass went well.", "job", oks)
        yield self._errors()
        yield self._latency()

    def _gauge(self, name: str, about: str, label: str | None, values: Mapping[str, object]) -> Metric:
        labels = [*self._labels, *([] if label is None else [label])]
        family = GaugeMetricFamily(f"botbox_{name}", about, labels=labels)
        for key, value in values.items():
            # Floating point is what the format has; the books keep the exact amounts.
            family.add_metric(self._values([] if label is None else [key]), float(str(float(value))))  # type: ignore[arg-type]
        return family

    def _errors(self) -> Metric:
        family = CounterMetricFamily(
            "botbox_errors", "Errors that passes have met, by code.", labels=[*self._labels, "code"]
        )
        for code, count in sorted(self._figures.errors.items()):
            family.add_metric(self._values([code]), count)
        return family

    def _latency(self) -> Metric:
        latency = self._figures.latency
        family = HistogramMetricFamily(
            "botbox_tick_to_request_seconds",
            "From a price frame that crosses a level to the first request it causes.",
            labels=list(self._labels),
        )
        bounds = [*(str(bound) for bound in BOUNDS_S), "+Inf"]
        buckets = list(zip(bounds, map(float, accumulate(latency.counts)), strict=True))
        family.add_metric(self._values([]), buckets, latency.sum_s)
        return family

    def _values(self, more: Iterable[str]) -> list[str]:
        return [*self._labels.values(), *more]
