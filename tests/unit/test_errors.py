"""The error tree: the exit code of a pass over several items."""

from __future__ import annotations

import pytest

from botbox_cli.errors import gravest


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        ([], 0),
        ([0, 0], 0),
        ([0, 4], 4),
        ([6, 10, 5], 10),
        ([5, 7], 7),
        ([6, 5, 4], 5),
        ([8, 9, 7], 7),
        ([3, 9, 6], 9),
    ],
)
def test_pass_ends_with_the_gravest_code(codes: list[int], expected: int) -> None:
    assert gravest(codes) == expected
