"""How fast a carrier is served: halved when it throttles, a tenth more for each calm second.

A throttled carrier first gets nothing for a while: 1, 2, 4 … 64 s, each step taken back by a calm
span. What follows then starts at half the configured TPS, or half of what was left of it.
"""

from collections.abc import Mapping
from typing import Final

from routing.draft import Draft
from routing.standing import FULL, Pace, Pause
from routing.throttle import SECOND_NS

PAUSE_FIRST_NS: Final = SECOND_NS
PAUSE_STEPS: Final = 7  # 1, 2, 4 ... 64 s
PAUSE_CALM_NS: Final = 10 * SECOND_NS  # each calm span takes one step back
LEAST: Final = FULL >> PAUSE_STEPS  # of its TPS a carrier always keeps this
OPTIMUM: Final = 80  # congestion_state (SMPP 5.0 section 4.8.4.18): no faster than now
NEAR: Final = 90  # nearing congestion, and worse: slower


def recover(draft: Draft) -> None:
    """Carriers that were left in peace since their pause are slowed less the next time."""
    now = draft.now.monotonic_ns
    for carrier, pause in draft.standing.pauses.items():
        calm = (now - pause.until_ns) // PAUSE_CALM_NS
        if calm >= pause.step:
            del draft.pauses[carrier]
            draft.end_alarm("throttled", carrier)
        elif calm > 0:
            until_ns = pause.until_ns + calm * PAUSE_CALM_NS
            draft.pauses[carrier] = Pause(until_ns, pause.step - calm)
    for carrier, pace in draft.standing.paces.items():
        if pace.permille_at(now) == FULL:
            del draft.paces[carrier]


def throttled(draft: Draft, carrier: str, label: str) -> int:
    """The carrier refused for its load. Returns the monotonic time until which it gets nothing."""
    pause = draft.pauses.get(carrier, Pause(0, 0))
    now = draft.now.monotonic_ns
    if now >= pause.until_ns:  # the whole window may be refused at once: that is one step
        step = min(pause.step + 1, PAUSE_STEPS)
        pause = Pause(now + (PAUSE_FIRST_NS << (step - 1)), step)
        draft.pauses[carrier] = pause
        _halve(draft, carrier, pause.until_ns)
        draft.raise_alarm("throttled", carrier, label)
    draft.count("throttled")
    return pause.until_ns


def heed(draft: Draft, loads: Mapping[str, int]) -> None:
    """What carriers told of their load beside their answers: congestion_state, 0 to 100."""
    now = draft.now.monotonic_ns
    for carrier, load in loads.items():
        pace = draft.paces.get(carrier)
        if load >= NEAR:
            if pace is None or now >= pace.since_ns + SECOND_NS:  # once a second at most
                _halve(draft, carrier, now)
        elif load >= OPTIMUM and pace is not None and now > pace.since_ns:
            draft.paces[carrier] = Pace(pace.permille_at(now), now)


def _halve(draft: Draft, carrier: str, since_ns: int) -> None:
    pace = draft.paces.get(carrier, Pace(FULL, since_ns))
    half = pace.permille_at(draft.now.monotonic_ns) // 2
    draft.paces[carrier] = Pace(max(half, LEAST), since_ns)
