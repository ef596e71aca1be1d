"""What was replayed is remembered, and with it how often the candles behind it were changed."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "revisions",
        sa.Column("instrument_id", sa.Integer(), nullable=False),
        sa.Column("timeframe", sa.String(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["instrument_id"], ["instruments.id"], name=op.f("fk_revisions_instrument_id")
        ),
        sa.PrimaryKeyConstraint("instrument_id", "timeframe", name=op.f("pk_revisions")),
    )
    op.create_table(
        "replays",
        sa.Column("instrument_id", sa.Integer(), nullable=False),
        sa.Column("timeframe", sa.String(), nullable=False),
        sa.Column("rule", sa.String(), nullable=False),
        sa.Column("stamp", sa.String(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["instrument_id"], ["instruments.id"], name=op.f("fk_replays_instrument_id")),
        sa.PrimaryKeyConstraint("instrument_id", "timeframe", "rule", name=op.f("pk_replays")),
    )


def downgrade() -> None:
    op.drop_table("replays")
    op.drop_table("revisions")
