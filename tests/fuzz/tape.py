"""Octets read from their beginning, where some decide what the others are."""


class Tape:
    """Octets to be taken one after the other; behind their end stand zeros, or nothing."""

    def __init__(self, octets: bytes) -> None:
        self._octets = octets
        self._at = 0

    def __bool__(self) -> bool:
        """Whether something is left."""
        return self._at < len(self._octets)

    def octet(self) -> int:
        """The next octet; 0 behind the end."""
        return self.take(1)[0] if self else 0

    def take(self, count: int) -> bytes:
        """The next `count` octets, or as many as there are."""
        start, self._at = self._at, min(self._at + count, len(self._octets))
        return self._octets[start : self._at]

    def rest(self) -> bytes:
        """All that is left."""
        return self.take(len(self._octets))
