"""Short names for the modules that are broken and for the tests that notice."""

from tests.simulation.mutants.mutant import Edit

SEND, SETTLE, PROTECT, LEAVE = (f"services/{name}.py" for name in ("send", "settle", "protect", "leave"))
ATTEND, BOOK, LEASE, EXECUTE = (f"services/{name}.py" for name in ("attend", "book", "lease", "execute"))
LATE, OUTSIDE, MARGIN, PLAN = (f"services/{name}.py" for name in ("late_fills", "outside", "margin", "plan"))
PAIR_RULES, DECLARE, LINKS = (f"services/{name}.py" for name in ("pair_rules", "declare_unfilled", "links"))
WATCH, POLLS, POST, LOGIN = (f"services/{name}.py" for name in ("watch", "watch_polls", "post", "web_login"))
GUARD, OFFICE, CHANNEL = "web/guard.py", "web/office.py", "notify/channel.py"
UNBROKEN, MONITOR, CANCEL = "cli/unbroken.py", "services/monitor.py", "services/cancel_stop.py"
ADOPT, BRAKES, RECONCILE, AUDIT = (
    f"services/{name}.py" for name in ("adopt_stop", "brakes", "reconcile", "audit")
)
BYBIT, CODES, SESSION = (f"exchange/{name}.py" for name in ("bybit", "codes", "session"))
STATEMENTS = "storage/statements.py"
UNKEPT = Edit(
    "storage/run.py",
    "        return PLANS.get((statement.name, statement.args, names))\n",
    "        return None\n",
)
"""Goes with an edit of STATEMENTS: SQLite would be asked in the SQL that is kept of them."""
FIRST_TABLES = "storage/migrations/versions/0001_first_tables.py"
TRADE, PNL = "domain/trade.py", "domain/pnl.py"

_SERVICES = "tests/unit/services/test_"
T_ENTRY, T_STOP, T_EXIT = (f"{_SERVICES}{name}.py" for name in ("settle_entry", "protect_stop", "leave_exit"))
T_RACES, T_LIFE, T_VIEWS = (f"{_SERVICES}{name}.py" for name in ("races", "trade_life", "look_ups"))
T_INTENT, T_OWNER, T_SHORTS = (
    f"{_SERVICES}{name}.py" for name in ("intent_checks", "owners_coins", "shorts")
)
T_LATE, T_FEES, T_STUCK = (
    f"{_SERVICES}{name}.py" for name in ("late_entry_fill", "settle_fees", "stuck_exit")
)
T_BACKUP, T_APPLY, T_VANISHED = (
    f"{_SERVICES}{name}.py" for name in ("restored_backup", "reconcile_apply", "vanished_stop")
)
T_PAIR, T_MOVED, T_DECLARE = (
    f"{_SERVICES}{name}.py" for name in ("pair_rules", "moved_coins", "declare_unfilled")
)
T_LINKS, T_WATCH, T_POST = (f"{_SERVICES}{name}.py" for name in ("links", "watch", "post"))
T_GUARD, T_ON_PAGE, T_SERVE = (f"tests/web/test_{name}.py" for name in ("security", "live", "serve"))
T_CHANNEL, T_CTRL_C = "tests/unit/notify/test_channel.py", "tests/races/test_ctrl_c.py"
T_BRAKES, T_ADOPT = f"{_SERVICES}brakes.py", f"{_SERVICES}adopt_stop.py"
T_BYBIT, T_CODES, T_SESSION = (
    f"tests/unit/exchange/test_{name}.py" for name in ("bybit", "codes", "session")
)
T_BOOKS, T_CHAIN, T_LEASES = (f"tests/storage/test_{name}.py" for name in ("books", "log_chain", "leases"))
T_LIVE, T_CONSOLE = "tests/unit/cli/test_real_money.py", "tests/unit/cli/test_console.py"
T_ERRORS = "tests/unit/test_errors.py"
