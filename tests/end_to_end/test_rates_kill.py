"""A rate card on its way while the process is killed: the old one prices until the last step."""

from pathlib import Path
from typing import Any

import pytest

from smpp_server.cli import client
from tests.end_to_end.server import Server, configured, until

DIGEST = "d" * 64
ROWS = ("2,33,out,70000000,FR,,,0,9223372036854775807", "3,33,in,0,,,,0,9223372036854775807")


def step(server: Server, what: str, place: int, *rows: str) -> dict[str, Any]:
    """One step of an import, over the real socket."""
    fields = {"carrier": "main", "digest": DIGEST, "version": "7", "currency": "EUR"}
    more = {"what": what, "place": str(place)} | ({"rows": "\n".join(rows)} if rows else {})
    return client.tell(server.state / "admin.sock", "/rates", fields | more)


def in_force(server: Server) -> tuple[str, int]:
    """Where the card in force came from, and how many rows it has."""
    cards: list[dict[str, Any]] = []

    def told() -> bool:  # nothing is, before the first turn
        cards[:] = client.look(server.state / "admin.sock", "/status")["rates"]
        return bool(cards)

    until(told, "until the first turn")
    [card] = cards
    return card["source"], card["rows"]


@pytest.mark.slow
def test_half_a_card_is_never_in_force(tmp_path: Path) -> None:
    done = {"result": "done"}
    with Server(tmp_path, configured(1)) as server:
        server.start().ready()
        assert step(server, "begin", 0) == step(server, "rows", 0, ROWS[0]) == done
        server.kill()
        server.start().ready()
        assert in_force(server) == ("file", 2)
        assert step(server, "rows", 1, ROWS[1]) == step(server, "valid", 2) == done
        server.kill()
        server.start().ready()
        assert in_force(server) == ("import", 2)
