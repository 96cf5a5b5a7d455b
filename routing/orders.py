"""What an operator orders of replies and persons: cancel what waits, opt a number out, forget one.

A person is known here by pseudonyms alone; no order leaves a trace of whom it concerned, except the
opt-out itself. What may concern many replies is a durable job, worked a share a turn.
"""

from dataclasses import replace

from routing.draft import Draft
from routing.guards import Guards, key_of
from routing.jobs import LOOKED_MOST, Job
from routing.records import ReplyKind, SenderKeys
from routing.standing import Command

UNREADABLE = "this is no number of a sender: write it in international form, as in +33612345678"


def obey(draft: Draft, command: Command) -> str:
    """Carry out one of them. Returns the sentence the operator is told after the commit."""
    if command.name == "cancel":
        return _cancel(draft, command)
    if command.keys is None:
        return UNREADABLE
    if command.name == "optout":
        return _opt_out(draft, command.keys)
    if command.name == "optout-undo":
        return _undo(draft, command.keys)
    return _forget(draft, command.keys)


def _cancel(draft: Draft, command: Command) -> str:
    """Begin to cancel what waits now; what comes later is not concerned."""
    number, campaign = command.text, command.campaign
    if number and number not in draft.rules.numbers:
        return f"there is no number of ours named {number}"
    if campaign and campaign not in draft.rules.campaigns:
        return f"there is no campaign {campaign}"
    _begin(draft, "cancel", number, campaign)
    draft.changes.audit.append(("cancel", f"number {number or '*'}, campaign {campaign or '*'}"))
    return "done"


def _opt_out(draft: Draft, keys: SenderKeys) -> str:
    """As if they had written a stop word, but for its confirmation."""
    known, new = draft.known, {keys.optout}
    if keys.optout in known.optouts:
        return "it has opted out already"
    draft.known = replace(known, optouts=known.optouts | new, by_hand=known.by_hand | new)
    draft.changes.by_hand[keys.optout] = True
    _cancel_known(draft, keys, "opt-out")
    draft.changes.audit.append(("optout", "opt-out by hand"))
    return "done"


def _undo(draft: Draft, keys: SenderKeys) -> str:
    """Only what was entered by hand is taken back by hand: a STOP is the person's own will."""
    if keys.optout in draft.known.by_hand:
        _take_back(draft, keys)
        draft.changes.audit.append(("optout", "opt-out by hand undone"))
        return "done"
    if keys.optout in draft.known.optouts:
        return "the person opted out themselves, and only they could take it back"
    return "it has not opted out"


def _take_back(draft: Draft, keys: SenderKeys) -> None:
    known, old = draft.known, {keys.optout}
    draft.known = replace(known, optouts=known.optouts - old, by_hand=known.by_hand - old)
    draft.changes.by_hand[keys.optout] = False


def _cancel_known(draft: Draft, keys: SenderKeys, reason: str) -> int:
    """Of what waits for the sender, that which was read; the rest is met at its release."""
    stopped = draft.known.stopped
    theirs = [
        reply
        for reply in stopped.values()
        if reply.claim in keys.claims and reply.kind is ReplyKind.REPLY
    ]
    for reply in theirs:
        draft.cancel(reply, reason, stored=True)
    left = {reply_id: reply for reply_id, reply in stopped.items() if reply not in theirs}
    draft.known = replace(draft.known, stopped=left)
    return len(theirs)


def _forget(draft: Draft, keys: SenderKeys) -> str:
    """Everything about a person goes, except a stop of their own; their money stays, nameless.

    Claims, counts and an opt-out made by hand go now, replies as the job comes to them. One in
    doubt can then be settled by its id or by time alone: no receipt finds it by its number.
    """
    cancelled = _cancel_known(draft, keys, "forgotten")
    known, mine = draft.known, set(keys.claims)
    claims = [key for key in known.claims if key[0] in mine]
    rows = [pseudonym for pseudonym in keys.claims if pseudonym in known.guards]
    draft.changes.claims_dropped += claims
    draft.changes.guards_dropped += [key_of(pseudonym) for pseudonym in rows]
    by_hand = keys.optout in known.by_hand
    if by_hand:
        _take_back(draft, keys)
    # What follows in this turn finds nothing of it either.
    draft.known = replace(
        draft.known,
        claims={key: claim for key, claim in known.claims.items() if key[0] not in mine},
        guards={name: row for name, row in known.guards.items() if name not in mine},
    )
    plan, now_ns = draft.rules.plan, draft.now.wall_ns
    guards = draft.known.guards
    draft.guards = Guards(draft.rules.guards, plan.home, guards, known.counters, now_ns)
    cleared = _clear_flights(draft, mine)
    job = _begin(draft, "forget", "", "", cancelled, cleared)
    draft.changes.job_persons += [(job.id, pseudonym) for pseudonym in keys.claims]
    draft.changes.audit.append(
        ("forget", f"{len(claims)} claims, {len(rows)} counts, {int(by_hand)} opt-outs by hand")
    )
    return "done"


def _begin(
    draft: Draft, what: str, number: str, campaign: str, cancelled: int = 0, cleared: int = 0
) -> Job:
    """A job over every reply there is now."""
    last = max((job.id for job in (*draft.known.jobs, *draft.changes.jobs)), default=0)
    job = Job(
        last + 1,
        what,
        number,
        campaign,
        draft.next_id,
        draft.now.wall_ns,
        cancelled=cancelled,
        cleared=cleared,
    )
    draft.changes.jobs.append(job)
    draft.wake_in(0)
    return job


def prepare(draft: Draft) -> None:
    """Before anything else: what left since the last turn for one who is being forgotten."""
    known = draft.known
    running = known.running()
    if running is not None and known.job_persons:
        cleared = running.cleared + _clear_flights(draft, known.job_persons)
        jobs = [job._replace(cleared=cleared) if job is running else job for job in known.jobs]
        draft.known = replace(known, jobs=jobs)


def _clear_flights(draft: Draft, persons: set[bytes]) -> int:
    """A reply on its way keeps its money and its id, and loses whom it goes to."""
    theirs = [flight for flight in draft.flights.values() if flight.reply.claim in persons]
    for flight in theirs:
        nameless = flight.reply._replace(claim=b"", prefix=b"", msisdn="", optout=b"")
        draft.flights[nameless.id] = flight._replace(reply=nameless)
        draft.changes.cleared.append(nameless.id)
    return len(theirs)


def end_returned(draft: Draft) -> None:
    """A reply to somebody forgotten that comes back is not sent again."""
    for returned in draft.changes.returned:
        if not returned.reply.claim:
            draft.cancel(returned.reply, "forgotten", stored=True)


def work(draft: Draft) -> None:
    """A turn's share of the oldest job: first what waits, then, to forget, what has left."""
    job = draft.known.running()
    if job is None:
        return
    if job.left_too:
        job = _look_at_left(draft, job)
    else:
        job = _look_at_waiting(draft, job)
    draft.changes.jobs.append(job)
    draft.wake_in(0)


def _look_at_waiting(draft: Draft, job: Job) -> Job:
    rows, persons = draft.known.job_waiting, draft.known.job_persons
    reason = "operator" if job.what == "cancel" else "forgotten"
    cancelled = 0
    for reply in rows:
        if job.what == "cancel":
            meant = job.number in ("", reply.number) and job.campaign in ("", reply.campaign)
        else:
            meant = reply.claim in persons
        if meant and reply.id not in draft.gone:
            draft.cancel(reply, reason, stored=True)
            cancelled += 1
    job = job._replace(looked=job.looked + len(rows), cancelled=job.cancelled + cancelled)
    if len(rows) == LOOKED_MOST:
        return job._replace(at_ns=rows[-1].created_ns, after_id=rows[-1].id)
    if job.what == "cancel":
        return _end(draft, job)
    return job._replace(left_too=1, at_ns=0, after_id=0)


def _look_at_left(draft: Draft, job: Job) -> Job:
    rows, persons = draft.known.job_left, draft.known.job_persons
    meant = [reply_id for _, reply_id, claim in rows if claim in persons]
    draft.changes.cleared += meant
    job = job._replace(looked=job.looked + len(rows), cleared=job.cleared + len(meant))
    if len(rows) == LOOKED_MOST:
        return job._replace(at_ns=rows[-1][0], after_id=rows[-1][1])
    return _end(draft, job)


def _end(draft: Draft, job: Job) -> Job:
    figures = f"{job.cancelled} replies cancelled"
    if job.what == "forget":
        figures += f", {job.cleared} that had left made nameless"
    draft.changes.audit.append((job.what, figures))
    return job._replace(ended_ns=draft.now.wall_ns)
