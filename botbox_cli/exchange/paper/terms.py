"""How the paper exchange behaves where that can be chosen."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from botbox_cli.exchange.paper.state import Lag


@dataclass(frozen=True, slots=True)
class Terms:
    """How this exchange behaves where Bybit's behaviour varies or tests want it different.

    `value_buy_status` is how a market buy by value ends when less than one step of it stays unspent: captures show
    both `PartiallyFilledCanceled` and `Filled`. `fee_in_mnt` takes fees in MNT, at `mnt_price` USDT, while there is
    enough of it. `hourly_interest` is charged on borrowed coins five minutes after each full hour; at most
    (`spot_leverage` − 1) × net worth may be borrowed. `has_repay_pause`: nothing is paid back around that minute.
    """

    taker_fee: Decimal = Decimal("0.001")
    maker_fee: Decimal = Decimal("0.001")
    match_delay_ms: int = 0
    cancel_delay_ms: int = 0
    lag: Lag = field(default_factory=Lag)
    value_buy_status: str = "PartiallyFilledCanceled"
    fee_in_mnt: bool = False
    mnt_price: Decimal = Decimal("0.7")
    hourly_interest: Decimal = Decimal("0.000005")
    spot_leverage: Decimal = Decimal(3)
    has_repay_pause: bool = True
