"""What the admin socket and those who ask it agree upon; no framework is imported here."""

from typing import Final

SOCKET: Final = "admin.sock"  # in state_dir
BODY_LIMIT: Final = 64 * 1024  # octets of a request's body
