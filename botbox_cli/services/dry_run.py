"""A dry run of an entry: every check with its mark, the exact request, nothing sent."""

from __future__ import annotations

from dataclasses import dataclass

from botbox_cli.domain.order import Order, OrderStatus, OrderType, Role, Side, order_link_id
from botbox_cli.domain.setup import Setup, SetupStatus
from botbox_cli.errors import BotboxError, NotFound
from botbox_cli.services.desk import Desk
from botbox_cli.services.plan import Check, Planner
from botbox_cli.services.send import request_of


@dataclass(frozen=True, slots=True)
class DryRun:
    """The checks in order and, when all passed, the parameters of entry and stop as they would be sent."""

    setup: Setup
    checks: tuple[Check, ...]
    entry: dict[str, str] | None
    stop: dict[str, str] | None

    @property
    def error(self) -> BotboxError | None:
        return next((c.error for c in self.checks if c.error is not None), None)


def dry_run(desk: Desk, setup_id: int | None = None) -> DryRun:
    """Run every check of an entry for a setup, the first active one by default. Raises NotFound when there is none."""
    setup = _pick(desk, setup_id)
    planner = Planner(desk, setup, accept_price=False)
    checks: list[Check] = []
    for name, check in planner.checks():
        try:
            checks.append(Check(name, True, check()))
        except AttributeError:
            checks.append(Check(name, False, "not checked: it needs what a failed check would have found"))
        except BotboxError as e:
            checks.append(Check(name, False, e.message, e))
    if not all(c.ok for c in checks):
        return DryRun(setup, tuple(checks), None, None)
    entry, stop = _requests(desk, planner)
    return DryRun(setup, tuple(checks), entry, stop)


def _pick(desk: Desk, setup_id: int | None) -> Setup:
    with desk.store.read(desk.account) as books:
        if setup_id is not None:
            return books.setup(setup_id)
        active = books.setups([SetupStatus.ACTIVE])
    if not active:
        raise NotFound("there is no active setup", "run `botbox scan`, or `botbox propose` one by hand")
    return min(active, key=lambda s: s.id)


def _requests(desk: Desk, planner: Planner) -> tuple[dict[str, str], dict[str, str]]:
    """Return the parameters of the entry and of its stop; the trade's number is not known before it is made."""
    out = []
    for role in (Role.ENTRY, Role.STOP):
        order = _draft(desk, planner, role)
        request = request_of(
            order,
            planner.instrument,
            desk.clock.now(),
            max_slippage=desk.policy.max_slippage_percent,
            leverage=planner.setup.direction.sign < 0,
        )
        out.append(desk.exchange.order_request(request))
    return out[0], out[1]


def _draft(desk: Desk, planner: Planner, role: Role) -> Order:
    setup, now = planner.setup, desk.clock.now()
    buys = (setup.direction.sign > 0) == (role is Role.ENTRY)
    return Order(
        trade_id=0,
        role=role,
        attempt=1,
        order_link_id=order_link_id(desk.store.installation, 0, role, 1),
        symbol=setup.symbol,
        side=Side.BUY if buys else Side.SELL,
        order_type=OrderType.MARKET if role is Role.ENTRY else OrderType.STOP_MARKET,
        qty=planner.sizing.qty,
        status=OrderStatus.INTENDED,
        created_at=now,
        updated_at=now,
        trigger_price=None if role is Role.ENTRY else setup.stop_loss,
    )
