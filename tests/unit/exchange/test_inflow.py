"""Bytes of a socket as they were sent, however many came at once, and without asking the system for each field."""

from hypothesis import given
from hypothesis import strategies as st

from botbox_cli.exchange.inflow import Inflow


@given(st.lists(st.binary(min_size=1, max_size=20), max_size=10), st.integers(1, 30))
def test_what_came_in_pieces_is_read_in_order_whatever_is_asked_for(pieces: list[bytes], size: int) -> None:
    came = iter(pieces)
    inflow = Inflow(lambda _: next(came))
    whole = b"".join(pieces)

    read = b""
    while len(read) < len(whole):
        found = inflow.read(size)
        assert 1 <= len(found) <= size
        read += found

    assert read == whole
    assert inflow.is_empty


def test_socket_is_asked_once_for_many_frames() -> None:
    asked: list[int] = []

    def receive(most: int) -> bytes:
        asked.append(most)
        return b"abcdefgh"

    inflow = Inflow(receive)

    assert [inflow.read(2), inflow.read(2), inflow.read(4)] == [b"ab", b"cd", b"efgh"]
    assert len(asked) == 1
