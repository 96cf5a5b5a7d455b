"""Orders of an operator that look through many replies: how far each has come."""

from typing import NamedTuple

LOOKED_MOST = 1000  # replies that a job looks through in one turn
ABOUT_A_PERSON = frozenset(("optout", "optout-undo", "forget"))  # commands that name a number


class Job(NamedTuple):
    """Replies that an operator's order looks through; one order at a time, oldest first."""

    id: int
    what: str  # "cancel" or "forget"
    number: str  # of this number of ours ...
    campaign: str  # ... and this campaign alone; "": of all
    until_id: int  # later replies are not looked at
    began_ns: int
    left_too: int = 0  # 1: what waits is done, those accepted or in doubt are looked at
    at_ns: int = 0  # the last one looked at was made, or submitted, then ...
    after_id: int = 0  # ... and is this
    looked: int = 0
    cancelled: int = 0
    cleared: int = 0  # had left: they are nobody's now
    ended_ns: int = 0  # 0: it runs, or waits for another
