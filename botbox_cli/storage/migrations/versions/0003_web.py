"""The web page: the hash of its token, its sessions, and failed logins."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

TIME = sa.TIMESTAMP(timezone=True).with_variant(sa.Text(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "webtoken",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("made_at", TIME, nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_webtoken_one_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webtoken")),
    )
    op.create_table(
        "websessions",
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("client", sa.String(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_websessions")),
    )
    op.create_table(
        "webfailures",
        sa.Column("client", sa.String(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("since", TIME, nullable=False),
        sa.PrimaryKeyConstraint("client", name=op.f("pk_webfailures")),
    )


def downgrade() -> None:
    op.drop_table("webfailures")
    op.drop_table("websessions")
    op.drop_table("webtoken")
