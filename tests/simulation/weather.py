"""What kind of day it is: how often what goes wrong. Drawn once from the day's seed."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from random import Random

from botbox_cli.exchange.paper.state import Lag
from botbox_cli.exchange.paper.terms import Terms
from botbox_cli.services.desk import Policy

ZERO = Decimal(0)

START_PRICES = {
    "BTCUSDT": Decimal(60000),
    "ETHUSDT": Decimal(3000),
    "SOLUSDT": Decimal(150),
    "XRPUSDT": Decimal("0.6"),
    "DOGEUSDT": Decimal("0.15"),
}


@dataclass(frozen=True)
class Weather:
    """Rates are probabilities: a request meets a fault; a step kills, freezes, moves a price, lets another command in.

    `race_rate` is the share of commands that start two or three at once; `hand_rate` that of events which are the
    owner's; `brief_rate` that of setups which expire within minutes. `skew_s`: how far botbox's clock is ahead of the
    exchange's. `is_dead_known`: a dead holder's lease is free at once, as on one machine, not only at its expiry.
    `shorted`: where most setups of the day are shorts.
    """

    fault_rate: float
    kill_rate: float
    freeze_rate: float
    tick_rate: float
    intrude_rate: float
    race_rate: float
    hand_rate: float
    brief_rate: float
    skew_s: float
    is_dead_known: bool
    symbols: tuple[str, ...]
    balance: Decimal
    own_coins: tuple[str, ...]
    is_margin_on: bool
    is_braked: bool
    shorted: tuple[str, ...]
    depth: Decimal | None
    """Worth of each level of the book in quote coin; None for ample."""
    policy: Policy
    terms: Terms
    events: int


def weather_of(rng: Random) -> Weather:
    """Draw a day. Most days have some trouble of one kind; a few have it all at once."""
    symbols = tuple(rng.sample(sorted(START_PRICES), rng.choice((1, 2, 3, 3))))
    is_stormy = rng.random() < 0.15
    shorts, braked = rng.random() < 0.2, rng.random() < 0.2
    return Weather(
        fault_rate=rng.choice((0.0, 0.02, 0.05, 0.12, 0.3)) if not is_stormy else 0.25,
        kill_rate=rng.choice((0.0, 0.0, 0.002, 0.006)) if not is_stormy else 0.006,
        freeze_rate=rng.choice((0.0, 0.0, 0.001, 0.004)),
        tick_rate=rng.choice((0.0, 0.01, 0.03, 0.08)),
        intrude_rate=rng.choice((0.0, 0.0, 0.003, 0.01)),
        race_rate=rng.choice((0.0, 0.0, 0.1, 0.3)),
        hand_rate=rng.choice((0.0, 0.05, 0.15)),
        brief_rate=rng.choice((0.0, 0.0, 0.1, 0.4)),
        skew_s=rng.choice((0.0, 0.0, 0.0, 0.4, 0.9, -0.5, -2.5)),
        is_dead_known=rng.random() < 0.5,
        symbols=symbols,
        balance=Decimal(rng.choice((10000, 10000, 10000, 1500, 150))),
        # Beside coins of the owner's own no short is allowed.
        own_coins=tuple(s for s in symbols if rng.random() < 0.3 and not shorts),
        is_margin_on=shorts and rng.random() < 0.97,
        is_braked=braked,
        shorted=tuple(s for s in symbols if shorts and rng.random() < 0.7),
        depth=None if rng.random() < 0.7 else Decimal(rng.choice((120, 400))),
        policy=_policy_of(rng, shorts=shorts, braked=braked),
        terms=Terms(
            match_delay_ms=rng.choice((0, 0, 0, 30, 400)),
            cancel_delay_ms=rng.choice((0, 0, 0, 100, 1500)),
            fee_in_mnt=rng.random() < 0.12,
            lag=Lag(
                realtime_ms=rng.choice((0, 0, 0, 300, 900)),
                history_ms=rng.choice((0, 0, 500, 3000)),
                executions_ms=rng.choice((0, 0, 0, 400, 2500)),
            ),
        ),
        events=rng.choice((20, 30, 45)),
    )


def _policy_of(rng: Random, *, shorts: bool, braked: bool) -> Policy:
    """Draw the person's limits; on a braked day they hold entries back now and then."""
    return Policy(
        tp1_fraction=Decimal(rng.choice(("1", "1", "0.5", "0.3"))),
        close_when_stop_fails=rng.random() < 0.3,
        max_position_percent=Decimal(rng.choice((10, 10, 25))),
        max_open_positions=rng.choice((3, 4)) if braked else 8,
        max_day_loss_percent=Decimal(rng.choice(("0", "0.2", "1"))) if braked else ZERO,
        max_loss_streak=rng.choice((0, 2, 3)) if braked else 0,
        max_open_risk_percent=Decimal(rng.choice(("0", "0.3", "1"))) if braked else ZERO,
        shorts=shorts,
    )
