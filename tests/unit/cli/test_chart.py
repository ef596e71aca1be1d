"""`botbox chart`: what is drawn, where it fits, and the files."""

import re
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from botbox_cli.analysis.indicators import indicators_of
from botbox_cli.cli.chart_text import draw_text
from botbox_cli.domain.candle import from_ms
from botbox_cli.services.charting import Drawing, Mark
from tests.support.candles import HOUR, walk
from tests.support.cli import botbox
from tests.support.session import SYMBOLS, detect, trade_to_the_end

ANSI = re.compile(r"\x1b\[[0-9;]*m")


def a_drawing(count: int = 200) -> Drawing:
    candles = walk(count)
    last = from_ms(int(candles.open_ms[-5])) + timedelta(minutes=10)
    price = Decimal(str(round(float(candles.close[-5]), 2)))
    return Drawing(
        "BTCUSDT",
        HOUR,
        "BTCUSDT, 60, trade 1",
        candles,
        indicators_of(candles, HOUR),
        (("target", price + 5), ("entry", price), ("stop", price - 5)),
        (
            Mark(last, price + 1, "buy", is_buy=True),
            Mark(last + HOUR.length, price - 1, "sell", is_buy=False),
        ),
    )


@pytest.mark.parametrize("width", [40, 80, 132, 220])
@pytest.mark.parametrize("is_unicode", [True, False])
@pytest.mark.parametrize("colour", [True, False])
def test_chart_fits_the_width(width: int, is_unicode: bool, colour: bool) -> None:
    lines = draw_text(a_drawing(), width=width, colour=colour, is_unicode=is_unicode).splitlines()

    assert max(len(ANSI.sub("", line)) for line in lines) <= width
    assert len(lines) == 1 + 18 + 6 + 3 + 1


def test_chart_without_colour_has_no_escape_and_without_unicode_only_ascii() -> None:
    text = draw_text(a_drawing(), width=100, colour=False, is_unicode=False)

    assert text.isascii()
    assert "\x1b" not in text
    for sign in "#o^v-.":
        assert sign in text


def test_chart_names_levels_beside_their_lines_and_marks_fills() -> None:
    drawing = a_drawing()
    text = draw_text(drawing, width=100, colour=False, is_unicode=True)

    for name, price in drawing.levels:
        assert f"{name} {price}" in text
    assert "▲" in text
    assert "▼" in text


def test_a_fill_in_the_candle_that_is_still_open_is_drawn_at_the_last_closed_one() -> None:
    drawing = a_drawing()
    end = from_ms(int(drawing.candles.open_ms[-1])) + HOUR.length
    close = Decimal(str(round(float(drawing.candles.close[-1]), 2)))
    marks = (Mark(end + timedelta(minutes=20), close, "sell", is_buy=False),)
    text = draw_text(replace(drawing, marks=marks), width=100, colour=False, is_unicode=True)

    assert "▼" in text
    assert drawing.column_of(end + timedelta(minutes=20)) == len(drawing.candles.open_ms) - 1
    assert drawing.column_of(end + HOUR.length) is None
    assert drawing.column_of(from_ms(int(drawing.candles.open_ms[0]) - 1)) is None


def test_rising_and_falling_candles_differ_without_colour() -> None:
    text = draw_text(a_drawing(), width=100, colour=False, is_unicode=True)

    assert "█" in text
    assert "░" in text


@pytest.mark.parametrize("count", [1, 2, 15])
def test_few_candles_without_indicators_are_drawn(count: int) -> None:
    candles = walk(count)
    drawing = Drawing("BTCUSDT", HOUR, "BTCUSDT, 60", candles, indicators_of(candles, HOUR))

    assert len(draw_text(drawing, width=80, colour=False, is_unicode=True).splitlines()) == 29


def test_candles_at_one_price_are_drawn() -> None:
    candles = walk(30)
    for name in ("open", "high", "low", "close"):
        getattr(candles, name)[:] = 100.0
    np.copyto(candles.volume, 0.0)
    drawing = Drawing("BTCUSDT", HOUR, "BTCUSDT, 60", candles, indicators_of(candles, HOUR))

    assert "100" in draw_text(drawing, width=80, colour=False, is_unicode=True)


# -- the command


@pytest.fixture
def traded(installation: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setenv("BOTBOX_SYMBOLS", SYMBOLS)
    setup_id = detect()
    trade_to_the_end(setup_id)
    return setup_id


def test_pair_is_drawn_and_piped_plainly(recorded: Path) -> None:
    piped, shown = botbox("chart", "btcusdt"), botbox("chart", "BTCUSDT", "--timeframe", "240", width=90)

    assert piped.code == shown.code == 0
    assert piped.out.startswith("BTCUSDT, 60\n")
    assert piped.out.isascii()
    assert shown.out.startswith("BTCUSDT, 240\n")
    assert max(len(line) for line in shown.out.splitlines()) <= 90


def test_trade_shows_its_levels_and_fills(traded: int) -> None:
    document = botbox("chart", "--trade", 1, "--json").document

    assert (document["symbol"], document["timeframe"]) == ("ETHUSDT", "60")
    assert [m["label"] for m in document["marks"]] == ["setup", "buy", "sell"]
    assert [level["name"] for level in document["levels"]] == ["target 2", "target", "entry", "stop"]
    times = [c["open_time"] for c in document["candles"]]
    assert times[0] < "2025-04-28T15:00:00Z" < times[-1]
    assert botbox("chart", "--setup", traded, "--json").document["marks"] == document["marks"]


def test_page_and_picture_are_written(traded: int, tmp_path: Path) -> None:
    page, picture = tmp_path / "c.html", tmp_path / "c.png"

    ran = botbox("chart", "--trade", 1, "--html", page, "--png", picture)

    assert ran.err == f"written: {page}, {picture}\n"
    assert '"text":"sell 1792.62"' in page.read_text()
    assert picture.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    assert len(picture.read_bytes()) > 10_000


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ((), 2, "name a pair, or a setup or trade"),
        (("--setup", 1, "--trade", 1), 2, "--setup and --trade exclude each other"),
        (("BTCUSDTT",), 4, "no such symbol"),
        (("BTCUSDT", "--timeframe", "61"), 4, ""),
        (("BTCUSDT", "--timeframe", "D"), 4, "no D candles of BTCUSDT are stored for it"),
        (("--trade", 9), 4, "no trade 9"),
        (("BTCUSDT", "--html", "/nowhere/c.html"), 2, "--html /nowhere/c.html can't be written"),
        (("BTCUSDT", "--png", "/nowhere/c.png"), 2, "--png /nowhere/c.png can't be written"),
    ],
)
def test_what_cannot_be_drawn_is_refused(
    recorded: Path, arguments: tuple[object, ...], code: int, message: str
) -> None:
    ran = botbox("chart", *arguments)

    assert ran.code == code
    assert ran.err.startswith(f"error: {message}")


def test_setup_of_another_pair_is_refused(traded: int) -> None:
    ran = botbox("chart", "BTCUSDT", "--setup", traded)

    assert ran.code == 2
    assert ran.err.startswith(f"error: setup {traded} is of ETHUSDT, not BTCUSDT\n")


def test_missing_pillow_is_named(recorded: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(__import__("sys").modules, "PIL", None)

    ran = botbox("chart", "BTCUSDT", "--png", tmp_path / "c.png")

    assert ran.code == 3
    assert "botbox[chart]" in ran.err
