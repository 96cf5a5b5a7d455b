"""Asks a running server over its admin socket: http.client, no framework."""

import http.client
import json
import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from smpp_server.cli.place import Sentence

TIMEOUT_S: Final = 30.0
LONGEST_PATH: Final = 100  # octets; the address of a UNIX socket has room for about 107


class NoServer(Sentence):
    """Nobody answers at the socket."""


class Unreadable(Sentence):
    """Somebody answers, but not in the way of this server."""


class _Connection(http.client.HTTPConnection):
    """HTTP over a UNIX socket."""

    def __init__(self, path: Path, timeout_s: float) -> None:
        super().__init__("localhost", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        """Open the socket; a path too long for its address is gone through a descriptor."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        if len(os.fsencode(self._path)) <= LONGEST_PATH:
            self.sock.connect(str(self._path))
            return
        directory = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            self.sock.connect(f"/proc/self/fd/{directory}/{self._path.name}")
        finally:
            os.close(directory)


def look(
    path: Path, what: str, fields: Mapping[str, str] | None = None, timeout_s: float = TIMEOUT_S
) -> dict[str, Any]:
    """The answer to a GET of `what`, as "/status"; raises NoServer, Unreadable, Sentence."""
    query = f"?{urlencode(fields)}" if fields else ""
    return _ask(path, "GET", what + query, None, timeout_s)


def tell(path: Path, what: str, fields: Mapping[str, str]) -> dict[str, Any]:
    """The answer to a POST; it comes after the commit. Raises as `look` does."""
    return _ask(path, "POST", what, json.dumps(fields), TIMEOUT_S)


def _ask(path: Path, method: str, target: str, body: str | None, wait_s: float) -> dict[str, Any]:
    connection = _Connection(path, wait_s)
    try:
        connection.request(method, target, body)
        response = connection.getresponse()
        value = json.loads(response.read())
    except (FileNotFoundError, NotADirectoryError, ConnectionRefusedError):
        raise NoServer(f"no server runs on {path.parent}; start it with `smppd run`") from None
    except PermissionError:
        raise NoServer(f"{path} belongs to another user; run this as the server's user") from None
    except TimeoutError:
        raise Unreadable(f"the server did not answer within {wait_s:.0f} s") from None
    except (OSError, http.client.HTTPException, ValueError):
        raise Unreadable(f"what answers at {path} is no smppd of this version") from None
    finally:
        connection.close()
    if not isinstance(value, dict):
        raise Unreadable(f"what answers at {path} is no smppd of this version")
    if response.status != 200:
        raise Sentence(str(value.get("error", f"the server answered {response.status}")))
    return value
