"""Which rules there are, how they are named and set, and what a broken plug-in does."""

from dataclasses import dataclass
from importlib.metadata import EntryPoint
from typing import ClassVar

import pytest

from botbox_cli.analysis.rules import registry
from botbox_cli.analysis.rules.bb_mean_reversion import BbMeanReversion
from botbox_cli.analysis.rules.grid import combinations, grid_of
from botbox_cli.analysis.rules.registry import Broken, known_of, known_rule, parse_identity, rules
from botbox_cli.analysis.rules.rule import identity
from botbox_cli.analysis.rules.trend_pullback import TrendPullback
from botbox_cli.errors import ConfigError, NotFound, UsageError

KNOWN = known_of("bb-mean-reversion", BbMeanReversion, "botbox")


@dataclass(frozen=True)
class Typed:
    """A rule with parameters of every kind."""

    count: int = 3
    share: float = 0.5
    is_on: bool = True
    mode: str = "slow"
    id: ClassVar[str] = "typed@2"
    lookback: ClassVar[int] = 0
    ranging_only: ClassVar[bool] = False

    def find(self, evidence):
        return ()

    def figures(self, evidence, row):
        return ""


@dataclass(frozen=True)
class NoRule:
    """Lacks all that makes a rule."""


class Plain:
    pass


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch):
    """Let these entry points be installed: (name, value)."""

    def install(*points: tuple[str, str]) -> None:
        made = [EntryPoint(name, value, registry.GROUP) for name, value in points]
        monkeypatch.setattr(registry, "entry_points", lambda group: made)

    return install


def test_the_second_rule_comes_through_the_door_for_plug_ins():
    found = rules()

    assert list(found.known) == ["bb-mean-reversion", "trend-pullback"]
    assert found.known["trend-pullback"].type is TrendPullback
    assert found.broken == ()


def test_a_broken_plug_in_is_named_and_the_others_go_on(installed):
    here = __name__
    installed(
        ("gone", "no_such_package:Rule"),
        ("half", f"{here}:NoRule"),
        ("plain", f"{here}:Plain"),
        ("typed", f"{here}:Typed"),
        ("other-name", f"{here}:Typed"),
        ("bb-mean-reversion", "botbox_cli.analysis.rules.bb_mean_reversion:BbMeanReversion"),
    )

    found = rules()

    assert list(found.known) == ["bb-mean-reversion", "typed"]
    assert {b.name: b.fault for b in found.broken} == {
        "gone": "ModuleNotFoundError: No module named 'no_such_package'",
        "half": "TypeError: the rule has no id, lookback, ranging_only, find, figures",
        "plain": "TypeError: a rule is a dataclass",
        "other-name": "TypeError: the id 'typed@2' is not other-name@ and a version number",
        "bb-mean-reversion": "a rule bb-mean-reversion@1 is there already",
    }
    assert all(isinstance(b, Broken) for b in found.broken)


def test_asking_for_a_broken_plug_in_says_why(installed):
    installed(("gone", "no_such_package:Rule"))

    with pytest.raises(ConfigError, match="rule gone of package no_such_package:Rule is broken"):
        known_rule("gone")


@pytest.mark.parametrize(
    ("name", "near"), [("trend-pulback", "trend-pullback"), ("bb-mean", "bb-mean-reversion"), ("zzz", "@1")]
)
def test_unknown_rule_names_the_nearest(name: str, near: str):
    with pytest.raises(NotFound) as caught:
        known_rule(name)

    assert near in caught.value.hint


def test_another_version_is_another_rule():
    assert known_rule("bb-mean-reversion@1").id == "bb-mean-reversion@1"
    with pytest.raises(NotFound):
        known_rule("bb-mean-reversion@2")


def test_identity_names_what_differs_from_the_defaults_and_is_understood_again():
    rule = BbMeanReversion(rsi_low=30, stop_atr=1.25)

    assert identity(BbMeanReversion()) == "bb-mean-reversion@1"
    assert identity(rule) == "bb-mean-reversion@1(rsi_low=30,stop_atr=1.25)"
    assert parse_identity(identity(rule)) == rule
    assert parse_identity("trend-pullback@1") == TrendPullback()


def test_unknown_parameter_names_the_nearest():
    with pytest.raises(UsageError) as caught:
        grid_of(KNOWN, ["rsi_lo=30"])

    assert caught.value.hint == "did you mean rsi_low?"


def test_a_range_includes_both_ends_and_counts_in_decimals():
    assert grid_of(KNOWN, ["rsi_low=25:40:5"]) == {"rsi_low": (25.0, 30.0, 35.0, 40.0)}
    assert grid_of(KNOWN, ["stop_atr=0.8:1.1:0.1"])["stop_atr"] == (0.8, 0.9, 1.0, 1.1)
    assert grid_of(KNOWN, ["stop_atr=1,2,1"])["stop_atr"] == (1.0, 2.0)


def test_values_have_the_kind_of_their_parameter():
    known = known_of("typed", Typed, "x")

    grid = grid_of(known, ["count=1:3:1", "is_on=false,true", "mode=fast", "share=1"])

    assert grid == {"count": (1, 2, 3), "is_on": (False, True), "mode": ("fast",), "share": (1.0,)}
    assert len(combinations(grid)) == 6


@pytest.mark.parametrize(
    "text",
    [
        "rsi_low", "rsi_low=", "rsi_low=abc", "rsi_low=nan", "rsi_low=inf", "rsi_low=40:25:5", "rsi_low=25:40:0",
        "rsi_low=25:40", "rsi_low=25:40:x", "rsi_low=0:1e9:0.001",
    ],
)  # fmt: skip
def test_bad_values_are_usage_errors(text: str):
    with pytest.raises(UsageError):
        grid_of(KNOWN, [text])


def test_more_combinations_than_anyone_can_wait_for_are_refused():
    with pytest.raises(UsageError, match="combinations"):
        grid_of(KNOWN, ["rsi_low=0:10:0.01", "rsi_high=0:10:0.01"])


def test_a_whole_number_is_wanted_where_a_rule_counts():
    with pytest.raises(UsageError, match=r"count can't be '1\.5'"):
        grid_of(known_of("typed", Typed, "x"), ["count=1.5"])
