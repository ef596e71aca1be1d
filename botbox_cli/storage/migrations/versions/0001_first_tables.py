"""All tables of the first version.

The types stand here in full, not by reference to the program: a migration never changes after its release.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

DECIMAL = sa.Numeric().with_variant(sa.Text(), "sqlite")
TIME = sa.TIMESTAMP(timezone=True).with_variant(sa.Text(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "accounts",
        sa.Column("mode", sa.String(), nullable=False),
        sa.Column("user_id", sa.String(), nullable=False),
        sa.Column("key_hash", sa.String(), nullable=False),
        sa.Column("venue", sa.String(), nullable=False),
        sa.Column("id", sa.Integer(), nullable=False),
        sa.CheckConstraint("mode IN ('paper', 'demo', 'testnet', 'live')", name=op.f("ck_accounts_mode")),
        sa.CheckConstraint("venue IN ('mainnet', 'testnet', 'replay')", name=op.f("ck_accounts_venue")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_accounts")),
        sa.UniqueConstraint("mode", "user_id", name=op.f("uq_accounts_mode_user_id")),
    )
    op.create_table(
        "installation",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("tag", sa.String(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_installation_one_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_installation")),
    )
    op.create_table(
        "instruments",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("venue", sa.String(), nullable=False),
        sa.Column("symbol", sa.String(), nullable=False),
        sa.Column("base_coin", sa.String(), nullable=True),
        sa.Column("quote_coin", sa.String(), nullable=True),
        sa.Column("tick_size", DECIMAL, nullable=True),
        sa.Column("lot_size", DECIMAL, nullable=True),
        sa.Column("min_qty", DECIMAL, nullable=True),
        sa.Column("min_value", DECIMAL, nullable=True),
        sa.Column("max_market_qty", DECIMAL, nullable=True),
        sa.Column("margin_trading", sa.String(), nullable=True),
        sa.Column("updated_at", TIME, nullable=True),
        sa.CheckConstraint("venue IN ('mainnet', 'testnet', 'replay')", name=op.f("ck_instruments_venue")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_instruments")),
        sa.UniqueConstraint("venue", "symbol", name=op.f("uq_instruments_venue_symbol")),
    )
    op.create_table(
        "jobs",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("job", sa.String(), nullable=False),
        sa.Column("started_at", TIME, nullable=False),
        sa.Column("finished_at", TIME, nullable=True),
        sa.Column("ok", sa.Boolean(), nullable=False),
        sa.Column("detail", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jobs")),
    )
    op.create_index(op.f("ix_jobs_job_id"), "jobs", ["job", "id"], unique=False)
    op.create_table(
        "leases",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("host", sa.String(), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("started", sa.String(), nullable=False),
        sa.Column("token", sa.String(), nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_leases")),
    )
    op.create_table(
        "candles",
        sa.Column("instrument_id", sa.Integer(), nullable=False),
        sa.Column("timeframe", sa.String(), nullable=False),
        sa.Column("open_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("open", sa.Double(), nullable=False),
        sa.Column("high", sa.Double(), nullable=False),
        sa.Column("low", sa.Double(), nullable=False),
        sa.Column("close", sa.Double(), nullable=False),
        sa.Column("volume", sa.Double(), nullable=False),
        sa.Column("turnover", sa.Double(), nullable=False),
        sa.Column("bb_upper", sa.Double(), nullable=True),
        sa.Column("bb_middle", sa.Double(), nullable=True),
        sa.Column("bb_lower", sa.Double(), nullable=True),
        sa.Column("rsi", sa.Double(), nullable=True),
        sa.Column("atr", sa.Double(), nullable=True),
        sa.Column("volume_ma", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(["instrument_id"], ["instruments.id"], name=op.f("fk_candles_instrument_id")),
        sa.PrimaryKeyConstraint("instrument_id", "timeframe", "open_ms", name=op.f("pk_candles")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "halts",
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("since", TIME, nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_halts_account_id")),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_halts")),
    )
    op.create_table(
        "markers",
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_markers_account_id")),
        sa.PrimaryKeyConstraint("account_id", "name", name=op.f("pk_markers")),
    )
    op.create_table(
        "series",
        sa.Column("instrument_id", sa.Integer(), nullable=False),
        sa.Column("timeframe", sa.String(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("first_ms", sa.BigInteger(), nullable=False),
        sa.Column("last_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["instrument_id"], ["instruments.id"], name=op.f("fk_series_instrument_id")),
        sa.PrimaryKeyConstraint("instrument_id", "timeframe", name=op.f("pk_series")),
    )
    op.create_table(
        "setups",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("symbol", sa.String(), nullable=False),
        sa.Column("timeframe", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("direction", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("entry_price", DECIMAL, nullable=False),
        sa.Column("stop_loss", DECIMAL, nullable=False),
        sa.Column("take_profit_1", DECIMAL, nullable=False),
        sa.Column("take_profit_2", DECIMAL, nullable=True),
        sa.Column("detected_at", TIME, nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("rule", sa.String(), nullable=False),
        sa.Column("candle_time", TIME, nullable=True),
        sa.Column("atr", DECIMAL, nullable=True),
        sa.Column("decided_at", TIME, nullable=True),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.CheckConstraint("direction IN ('long', 'short')", name=op.f("ck_setups_direction")),
        sa.CheckConstraint("source IN ('scan', 'manual')", name=op.f("ck_setups_source")),
        sa.CheckConstraint(
            "status IN ('ACTIVE', 'APPROVED', 'TRIGGERED', 'REJECTED', 'INVALIDATED')",
            name=op.f("ck_setups_status"),
        ),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_setups_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_setups")),
        sa.UniqueConstraint(
            "account_id",
            "symbol",
            "timeframe",
            "kind",
            "candle_time",
            name=op.f("uq_setups_account_id_symbol_timeframe_kind_candle_time"),
        ),
    )
    op.create_index(op.f("ix_setups_account_id_status"), "setups", ["account_id", "status"], unique=False)
    op.create_table(
        "signals",
        sa.Column("setup_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("value", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["setup_id"], ["setups.id"], name=op.f("fk_signals_setup_id")),
        sa.PrimaryKeyConstraint("setup_id", "position", name=op.f("pk_signals")),
    )
    op.create_table(
        "trades",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("setup_id", sa.Integer(), nullable=False),
        sa.Column("symbol", sa.String(), nullable=False),
        sa.Column("base_coin", sa.String(), nullable=False),
        sa.Column("quote_coin", sa.String(), nullable=False),
        sa.Column("direction", sa.String(), nullable=False),
        sa.Column("mode", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("initial_stop", DECIMAL, nullable=False),
        sa.Column("stop_loss", DECIMAL, nullable=False),
        sa.Column("take_profit_1", DECIMAL, nullable=False),
        sa.Column("take_profit_2", DECIMAL, nullable=True),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("entry_time", TIME, nullable=True),
        sa.Column("exit_time", TIME, nullable=True),
        sa.Column("close_reason", sa.String(), nullable=False),
        sa.Column("tp1_done", sa.Boolean(), nullable=False),
        sa.Column("interest", DECIMAL, nullable=False),
        sa.Column("detail", sa.String(), nullable=False),
        sa.CheckConstraint("direction IN ('long', 'short')", name=op.f("ck_trades_direction")),
        sa.CheckConstraint("mode IN ('paper', 'demo', 'testnet', 'live')", name=op.f("ck_trades_mode")),
        sa.CheckConstraint(
            "status IN ('OPENING', 'OPEN', 'CLOSING', 'CLOSED', 'FAILED')", name=op.f("ck_trades_status")
        ),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_trades_account_id")),
        sa.ForeignKeyConstraint(["setup_id"], ["setups.id"], name=op.f("fk_trades_setup_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_trades")),
    )
    op.create_index(op.f("ix_trades_account_id_status"), "trades", ["account_id", "status"], unique=False)
    op.create_index(
        "uq_trades_setup_id_not_failed",
        "trades",
        ["setup_id"],
        unique=True,
        sqlite_where=sa.text("status <> 'FAILED'"),
        postgresql_where=sa.text("status <> 'FAILED'"),
    )
    op.create_table(
        "log",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("event", sa.String(), nullable=False),
        sa.Column("detail", sa.String(), nullable=False),
        sa.Column("trade_id", sa.Integer(), nullable=True),
        sa.Column("setup_id", sa.Integer(), nullable=True),
        sa.Column("data", sa.JSON(), nullable=True),
        sa.Column("hash", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_log_account_id")),
        sa.ForeignKeyConstraint(["setup_id"], ["setups.id"], name=op.f("fk_log_setup_id")),
        sa.ForeignKeyConstraint(["trade_id"], ["trades.id"], name=op.f("fk_log_trade_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_log")),
    )
    op.create_index(op.f("ix_log_account_id_id"), "log", ["account_id", "id"], unique=False)
    op.create_index(op.f("ix_log_setup_id"), "log", ["setup_id"], unique=False)
    op.create_index(op.f("ix_log_trade_id"), "log", ["trade_id"], unique=False)
    op.create_table(
        "orders",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("trade_id", sa.Integer(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("order_link_id", sa.String(), nullable=False),
        sa.Column("symbol", sa.String(), nullable=False),
        sa.Column("side", sa.String(), nullable=False),
        sa.Column("order_type", sa.String(), nullable=False),
        sa.Column("qty", DECIMAL, nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        sa.Column("trigger_price", DECIMAL, nullable=True),
        sa.Column("exchange_order_id", sa.String(), nullable=True),
        sa.Column("sent_at", TIME, nullable=True),
        sa.Column("sends", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.CheckConstraint("order_type IN ('market', 'stop_market')", name=op.f("ck_orders_order_type")),
        sa.CheckConstraint("role IN ('entry', 'stop', 'exit')", name=op.f("ck_orders_role")),
        sa.CheckConstraint("side IN ('buy', 'sell')", name=op.f("ck_orders_side")),
        sa.CheckConstraint(
            "status IN ('INTENDED', 'UNKNOWN', 'WORKING', 'FILLED', 'PARTIAL_CANCELLED', 'CANCELLED', 'REJECTED')",
            name=op.f("ck_orders_status"),
        ),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_orders_account_id")),
        sa.ForeignKeyConstraint(["trade_id"], ["trades.id"], name=op.f("fk_orders_trade_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_orders")),
        sa.UniqueConstraint("order_link_id", name=op.f("uq_orders_order_link_id")),
        sa.UniqueConstraint("trade_id", "role", "attempt", name=op.f("uq_orders_trade_id_role_attempt")),
    )
    op.create_table(
        "fills",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("execution_id", sa.String(), nullable=False),
        sa.Column("order_link_id", sa.String(), nullable=False),
        sa.Column("exchange_order_id", sa.String(), nullable=False),
        sa.Column("symbol", sa.String(), nullable=False),
        sa.Column("side", sa.String(), nullable=False),
        sa.Column("price", DECIMAL, nullable=False),
        sa.Column("qty", DECIMAL, nullable=False),
        sa.Column("fees", sa.JSON(), nullable=False),
        sa.Column("executed_at", TIME, nullable=False),
        sa.Column("is_maker", sa.Boolean(), nullable=False),
        sa.Column("fees_quote", DECIMAL, nullable=True),
        sa.CheckConstraint("side IN ('buy', 'sell')", name=op.f("ck_fills_side")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_fills_account_id")),
        sa.ForeignKeyConstraint(
            ["order_link_id"], ["orders.order_link_id"], name=op.f("fk_fills_order_link_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_fills")),
        sa.UniqueConstraint("account_id", "execution_id", name=op.f("uq_fills_account_id_execution_id")),
    )
    op.create_index(op.f("ix_fills_order_link_id"), "fills", ["order_link_id"], unique=False)


def downgrade() -> None:
    op.drop_table("fills")
    op.drop_table("orders")
    op.drop_table("log")
    op.drop_table("trades")
    op.drop_table("signals")
    op.drop_table("setups")
    op.drop_table("series")
    op.drop_table("markers")
    op.drop_table("halts")
    op.drop_table("candles")
    op.drop_table("leases")
    op.drop_table("jobs")
    op.drop_table("instruments")
    op.drop_table("installation")
    op.drop_table("accounts")
