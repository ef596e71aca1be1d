"""What lies in a folder."""

from pathlib import Path


def tree_of(folder: Path) -> set[str]:
    """Return every path below `folder`, relative to it."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}
