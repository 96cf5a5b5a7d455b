"""How many replies each link has delivered, and how many it has not, in an hour that slides."""

from collections.abc import Mapping

from routing.throttle import EMPTY, Counter, add, advance

Fates = Mapping[str, tuple[Counter, Counter]]  # link → delivered and not


def slid(before: Fates, more: Mapping[str, list[int]], wall_ns: int) -> Fates:
    """The counters with a turn's receipts in them; `more` is link → delivered and not."""
    fates = dict(before)
    for link, counts in more.items():
        delivered, failed = (
            add(advance(counter, "hour", wall_ns), count)
            for counter, count in zip(fates.get(link, (EMPTY, EMPTY)), counts, strict=True)
        )
        fates[link] = (delivered, failed)
    return fates
