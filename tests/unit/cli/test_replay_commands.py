"""`backtest`, `sweep` and `rules` on recorded candles: documents, files, tables, and bad input."""

import csv
import json
import re
import sqlite3
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.support.cli import botbox

SUMMARY = {
    "trades", "wins", "hit_rate", "hit_low", "hit_high", "expectancy", "expectancy_low", "expectancy_high",
    "profit_factor", "max_drawdown_r", "worst_run", "deviation", "total_r",
}  # fmt: skip
REPORT = SUMMARY | {
    "start", "end", "setups", "refused", "unfinished", "exposure", "mae_r", "mfe_r", "balance", "final_equity",
    "max_drawdown_percent", "fees", "by", "trades",
}  # fmt: skip


@pytest.fixture
def history(installation: Path) -> Path:
    """Return a home with a hundred days of candles."""
    assert botbox("record", "--once", "--since", "100d").code == 0
    return installation


def database(home: Path) -> Path:
    found = [p for p in home.rglob("*.sqlite") if "paper" not in p.name]
    assert len(found) == 1, found
    return found[0]


def backtest(*args: object) -> dict:
    ran = botbox("backtest", *args, "--json")
    assert ran.code == 0, ran
    return ran.document


# -- backtest


def test_backtest_document(history: Path):
    document = backtest()
    report = document["report"]

    assert document["schema"] == 1
    assert document["rule"] == "bb-mean-reversion@1"
    assert report.keys() == REPORT
    assert [c["symbol"] for c in document["coverage"]] == ["BTCUSDT", "ETHUSDT"]
    assert len(report["trades"]) > 20
    assert report["refused"]["shorts_off"] > 20
    entered = len(report["trades"])
    assert report["setups"] == entered + sum(report["refused"].values())
    decided = [t for t in report["trades"] if t["decided"]]
    assert report["wins"] == sum(t["r"] > 0 for t in decided)
    assert report["total_r"] == pytest.approx(sum(t["r"] for t in decided), abs=1e-4)
    pnl = sum(float(t["pnl"]) for t in report["trades"])
    # Less than a lot step of each trade stays behind unsold: no loss by the contract, but not in the equity either.
    assert 0 <= 10000 + pnl - float(report["final_equity"]) < 0.1 * entered
    assert report["by"].keys() == {"symbol", "kind", "regime", "weekday", "year"}
    for groups in report["by"].values():
        assert sum(g["trades"] for g in groups) == len(decided)


def test_backtest_trades_both_ways_where_shorts_are_on(history: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("BOTBOX_SHORTS", "margin")

    sides = Counter(t["direction"] for t in backtest()["report"]["trades"])

    assert min(sides["long"], sides["short"]) > 20


def test_parameters_change_the_rule_and_its_name(history: Path):
    strict = backtest("--set", "rsi_low=25", "--set", "volume_factor=1.5")

    assert strict["rule"] == "bb-mean-reversion@1(rsi_low=25,volume_factor=1.5)"
    assert strict["report"]["setups"] < backtest()["report"]["setups"]


def test_another_rule_and_delay(history: Path):
    document = backtest("--rule", "trend-pullback", "--delay", 3, "--symbol", "ethusdt")

    assert document["rule"] == "trend-pullback@1"
    assert document["terms"]["delay"] == 3
    assert {t["symbol"] for t in document["report"]["trades"]} == {"ETHUSDT"}


def test_period_bounds_the_setups(history: Path):
    trades = backtest("--since", "2025-03-01", "--until", "2025-04-01")["report"]["trades"]

    assert trades
    assert all("2025-03-01" <= t["signal_time"] < "2025-04-01" for t in trades)


def test_backtest_writes_csv(history: Path):
    path = history / "trades.csv"

    document = backtest("--csv", path)

    rows = list(csv.DictReader(path.read_text("utf-8").splitlines()))
    assert [r["entry_time"] for r in rows] == [t["entry_time"] for t in document["report"]["trades"]]
    assert {r["symbol"] for r in rows} == {"BTCUSDT", "ETHUSDT"}


class Page(HTMLParser):
    """Collects what a browser would fetch, and the text."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.tags: Counter[str] = Counter()
        self.policy = ""

    def handle_starttag(self, tag, attrs):
        self.tags[tag] += 1
        given = dict(attrs)
        self.fetched += [v for k, v in attrs if k in ("src", "href", "action", "data") and v]
        if given.get("http-equiv") == "Content-Security-Policy":
            self.policy = given["content"] or ""


def test_html_report_is_one_file_that_needs_no_network(history: Path):
    path = history / "report.html"

    ran = botbox("backtest", "--html", path)

    assert ran.code == 0, ran
    text = path.read_text("utf-8")
    page = Page()
    page.feed(text)
    assert page.fetched == []
    assert page.policy.startswith("default-src 'none'")
    assert page.tags["table"] >= 6
    assert "Licensed under Apache License 2.0" in text
    data = json.loads(re.search(r"const DATA = (\{.*?\});\n", text)[1])
    times = [point["time"] for point in data["parts"][0]["equity"]]
    assert len(times) > 20
    assert times == sorted(set(times)), "the library wants rising times"
    assert path.stat().st_size < 2_000_000


def test_names_from_outside_can_not_leave_the_data_of_the_page():
    from botbox_cli.cli.html import page, table

    text = page("<b>", table(["<i>"], [("<u>",)]), {"x": "</script><script>alert(1)//<!--"}, "")

    assert "<b>" not in text
    assert "<u>" not in text
    assert text.count("</script>") == 2


def test_backtest_for_people_fits_the_terminal(history: Path):
    ran = botbox("backtest", width=80)

    assert ran.code == 0
    lines = ran.out.splitlines()
    assert max(map(len, lines)) <= 80
    assert any("█" in line for line in lines)
    assert any(line.strip().startswith("expectancy") for line in lines)


def test_backtest_in_a_pipe_is_records(history: Path):
    lines = botbox("backtest").out.splitlines()

    assert lines[0] == "rule\tbb-mean-reversion@1"
    assert all("\t" in line for line in lines)
    assert not any("█" in line for line in lines)


def test_walk_forward_never_mixes_the_samples(history: Path):
    document = backtest("--walk-forward", 2, "--set", "rsi_low=30:40:5")

    assert document["report"] is None
    assert len(document["folds"]) == 2
    for fold in document["folds"]:
        assert fold["tried"] == 3
        assert fold["in_sample"]["end"] == fold["out_of_sample"]["start"]
        assert fold["in_sample"]["start"] == document["folds"][0]["in_sample"]["start"]
    assert document["folds"][0]["out_of_sample"]["end"] == document["folds"][1]["out_of_sample"]["start"]
    out = document["out_of_sample"]
    first = document["folds"][0]["in_sample"]["end"]
    assert out["trades"]
    assert all(t["signal_time"] >= first for t in out["trades"])
    # Their accounts begin anew with each step, so that only what no account refuses can be compared.
    assert out["setups"] == sum(f["out_of_sample"]["setups"] for f in document["folds"])


def test_walk_forward_for_people_and_as_html(history: Path):
    path = history / "walk.html"

    ran = botbox("backtest", "--walk-forward", 3, "--html", path, width=100)

    assert ran.code == 0
    assert "3 in sample" in ran.out
    assert "all out of sample" in ran.out
    assert "never one number over both samples" in path.read_text("utf-8")


def test_gaps_are_named_counted_and_not_bridged(history: Path):
    path = database(history)
    with sqlite3.connect(path) as connection:
        number = connection.execute("SELECT id FROM instruments WHERE symbol = 'BTCUSDT'").fetchone()[0]
        rows = connection.execute(
            "SELECT open_ms FROM candles WHERE instrument_id = ? AND timeframe = '60' ORDER BY open_ms",
            (number,),
        ).fetchall()
        gone = [rows[500][0], rows[501][0], rows[900][0]]
        marks = ",".join("?" * len(gone))
        connection.execute(
            f"DELETE FROM candles WHERE instrument_id = ? AND timeframe = '60' AND open_ms IN ({marks})",
            (number, *gone),
        )

    ran = botbox("backtest")
    coverage = {c["symbol"]: c for c in backtest()["coverage"]}

    assert "BTCUSDT: 3 candles lack in 2 gaps" in ran.err
    assert coverage["BTCUSDT"]["missing"] == 3
    assert len(coverage["BTCUSDT"]["gaps"]) == 2
    assert coverage["ETHUSDT"]["missing"] == 0


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (("--rule", "bb-mean-reversal"), 4, "did you mean bb-mean-reversion"),
        (("--set", "rsi_lo=3"), 2, "did you mean rsi_low"),
        (("--set", "rsi_low=30:40:5"), 2, "--walk-forward"),
        (("--symbol", "BTCUSD"), 4, "did you mean BTCUSDT"),
        (("--timeframe", "7"), 4, "use one of"),
        (("--timeframe", "15"), 4, "no 15 candles"),
        (("--since", "2020-01-01", "--until", "2020-02-01"), 4, "the period is empty"),
        (("--since", "2025-04-01", "--until", "2025-03-01"), 2, "is not before"),
        (("--since", "2025-04-27T20:00Z", "--until", "2025-04-27T21:00Z", "--delay", "0"), 2, "--delay"),
        (("--html", "/nowhere/at/all.html"), 2, "can't be written"),
    ],
)
def test_bad_input_is_refused_with_a_hint(history: Path, args: tuple[str, ...], code: int, words: str):
    ran = botbox("backtest", *args)

    assert ran.code == code, ran
    assert words in ran.err
    assert ran.out == ""


def test_too_few_candles_for_the_warm_up(installation: Path):
    assert botbox("record", "--once", "--since", "2d", "--symbol", "BTCUSDT").code == 0

    ran = botbox("backtest", "--symbol", "BTCUSDT")

    assert ran.code == 4
    assert "too few candles for the warm-up" in ran.err


def test_nothing_recorded(installation: Path):
    ran = botbox("backtest")

    assert ran.code == 4
    assert "record" in ran.err


def test_a_rule_that_fails_is_named(history: Path, monkeypatch: pytest.MonkeyPatch):
    from botbox_cli.analysis.rules.bb_mean_reversion import BbMeanReversion

    def broken(self, evidence):
        raise ZeroDivisionError("oh")

    monkeypatch.setattr(BbMeanReversion, "find", broken)

    ran = botbox("backtest")

    assert ran.code == 3
    assert "rule bb-mean-reversion@1 failed: ZeroDivisionError: oh" in ran.err
    ran = botbox("scan")
    assert ran.code == 3
    assert "rule bb-mean-reversion@1 failed: ZeroDivisionError: oh" in ran.err
    assert botbox("monitor", "--once").code == 0, "the rest goes on"


# -- rules


def test_scan_looks_with_another_rule(history: Path):
    ran = botbox("scan", "--rule", "trend-pullback", "--json")

    assert ran.code == 0
    looked = [s for s in ran.document["skipped"] if s["reason"] == "NO_SIGNAL"]
    assert looked or ran.document["detected"]
    assert all("ATR in 20 candles" in s["detail"] for s in looked)
    assert all(s["kind"] in ("UPTREND_PULLBACK", "DOWNTREND_RALLY") for s in ran.document["detected"])


def test_scan_with_an_unknown_rule_names_the_nearest(history: Path):
    ran = botbox("scan", "--rule", "trend-pulback")

    assert ran.code == 4
    assert "did you mean trend-pullback?" in ran.err


def test_rules_lists_both():
    document = botbox("rules", "--json").document

    assert [r["id"] for r in document["rules"]] == ["bb-mean-reversion@1", "trend-pullback@1"]
    assert {"name": "rsi_low", "default": 35.0} in document["rules"][0]["parameters"]
    assert botbox("rules").records[1]["package"] == "botbox"


# -- sweep


def sweep(*args: object) -> dict:
    ran = botbox("sweep", "--workers", 1, *args, "--json")
    assert ran.code == 0, ran
    return ran.document


def test_sweep_tries_every_combination_and_looks_at_the_best_out_of_sample(history: Path):
    grid = ("--set", "rsi_low=30:40:5", "--set", "stop_atr=1,1.5")
    document = sweep(*grid)
    best = document["best"]

    assert document["tried"] == 6
    assert len(document["combinations"]) == 6
    scores = [
        c["in_sample"]["score"] for c in document["combinations"] if c["in_sample"]["score"] is not None
    ]
    assert scores == sorted(scores, reverse=True)
    assert document["start"] < document["split"] < document["end"]
    assert best["values"] == document["combinations"][0]["values"]
    first = document["combinations"][0]
    for part in ("in_sample", "out_of_sample"):
        assert best[part]["trades"] == first[part]["trades"]
        assert best[part]["expectancy"] == pytest.approx(first[part]["expectancy"], abs=1e-5)
    assert 0 <= best["deflated_probability"] <= 1

    # Again, with more: what is known is not worked out anew, and all of it counts as tried.
    more = sweep("--set", "rsi_low=30:45:5", "--set", "stop_atr=1,1.5")
    assert (more["known_before"], more["tried"], len(more["combinations"])) == (6, 8, 8)
    less = sweep("--set", "rsi_low=30", "--set", "stop_atr=1")
    assert (less["known_before"], less["tried"], len(less["combinations"])) == (1, 8, 1)


def test_sweep_for_people_has_a_table_and_a_heat_map(history: Path):
    path = history / "sweep.csv"
    ran = botbox(
        "sweep", "--workers", 1, "--set", "rsi_low=35,40", "--set", "stop_atr=1,1.5", "--csv", path, width=120
    )

    assert ran.code == 0, ran
    assert "down rsi_low, across stop_atr" in ran.out
    assert "4 combinations tried" in ran.err
    assert len(list(csv.DictReader(path.read_text("utf-8").splitlines()))) == 4


def test_an_interrupted_sweep_says_how_it_goes_on(history: Path, monkeypatch: pytest.MonkeyPatch):
    from botbox_cli.services import sweep

    def interrupted(*_args, **_options):
        raise KeyboardInterrupt

    monkeypatch.setattr(sweep, "sweep", interrupted)

    ran = botbox("sweep", "--set", "rsi_low=30,35", "--workers", 1)

    assert ran.code == 130
    assert ran.err.endswith("error: interrupted\nhint: the same sweep goes on where it was\n")


def test_sweep_refuses_a_bad_grid_before_anything(history: Path):
    assert botbox("sweep", "--set", "rsi_lo=1:2:1").code == 2
    assert botbox("sweep").code == 2


def test_sweep_without_a_scheduler_says_so(history: Path):
    ran = botbox("sweep", "--set", "rsi_low=30:40:5", "--cluster", "nonsense://x")

    assert ran.code == 2
    assert "--cluster nonsense://x" in ran.err
