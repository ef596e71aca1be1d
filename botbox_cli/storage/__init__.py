"""SQLModel tables, exact column types, queries and Alembic migrations."""
