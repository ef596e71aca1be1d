"""The stored Bybit answers of `tests/fixtures/bybit-v5` (see its README for where each is from)."""

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[1] / "fixtures" / "bybit-v5"


def names() -> list[str]:
    """Return the names of all stored answers."""
    return sorted(path.stem for path in FOLDER.glob("*.json"))


def case(name: str) -> dict[str, Any]:
    """Return one stored case: source, kind, request, status, headers, body."""
    stored: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return stored


def body(name: str) -> Any:
    return case(name)["body"]


def rows(name: str) -> list[dict[str, Any]]:
    """Return the rows of a list answer or of a stream's frame."""
    stored = body(name)
    found: list[dict[str, Any]] = stored["data"] if "data" in stored else stored["result"]["list"]
    return found


def ok(result: Any, time: int = 1_767_225_600_000) -> dict[str, Any]:
    """Return a successful answer."""
    return {"retCode": 0, "retMsg": "OK", "result": result, "retExtInfo": {}, "time": time}


def listed(*found: Any, cursor: str = "", **more: Any) -> dict[str, Any]:
    """Return a successful list answer of category spot."""
    return ok({"category": "spot", "list": list(found), "nextPageCursor": cursor, **more})
