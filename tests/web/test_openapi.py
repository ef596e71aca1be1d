"""schemathesis over the OpenAPI document: whatever it thinks of, no answer is a bug, and each is as documented."""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings

from botbox_cli.web.guard import HEADERS
from tests.support.web import Served

EXAMPLES = 12


def operations(served: Served) -> list[Any]:
    """Return the operations of the server's own document; the stream of events never ends, so it is left out."""
    with served.script() as script:
        document = script.get("/openapi.json").json()
    schema = schemathesis.openapi.from_dict(document)
    schema.config.update(base_url=served.url)
    found = [operation.ok() for operation in schema.get_all_operations()]
    found = [operation for operation in found if operation.path != "/api/events"]
    # Guessing tokens closes the door to all of this client.
    return sorted(found, key=lambda operation: bool(operation.path == "/api/session"))


@pytest.fixture
def headers(served: Served) -> dict[str, str]:
    return {"Authorization": f"Bearer {served.token}"}


def test_every_answer_conforms_to_the_document(served: Served, headers: dict[str, str]) -> None:
    found = operations(served)
    assert len(found) >= 15

    well = {operation.path for operation in found if _conforms(operation, headers)}

    # Something came back from most of them beside refusals.
    assert {"/api/setups/pending", "/api/trades", "/api/status", "/api/stats", "/api/prices"} <= well
    assert {"/api/halt", "/api/resume"} <= well


def test_document_names_no_secret_and_every_endpoint(served: Served) -> None:
    with served.script() as script:
        document = script.get("/openapi.json")

    paths = set(document.json()["paths"])
    assert {
        "/api/setups/pending",
        "/api/setups/{setup_id}/approve",
        "/api/setups/{setup_id}/reject",
        "/api/trades",
        "/api/candles/{symbol}/{timeframe}",
        "/api/health",
    } <= paths
    assert served.token not in document.text


def _conforms(operation: Any, headers: dict[str, str]) -> bool:
    """Check what comes back for many requests to one operation; tell whether any of them was answered well."""
    statuses: set[int] = set()

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy())
    def conforms(case: Any) -> None:
        answer = case.call(headers=headers)
        statuses.add(answer.status_code)
        case.validate_response(answer, headers=headers)
        assert set(HEADERS) <= {name for name in HEADERS if name.lower() in answer.headers}

    conforms()
    assert 500 not in statuses
    return 200 in statuses
