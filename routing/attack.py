"""What follows when the breaker takes a step: alarms, and replies cancelled before they cost."""

from routing.breaker import MINUTE_NS, WINDOW, Step, tell
from routing.draft import Draft
from routing.standing import ALL, SWEPT_MOST, Sweep

ALARM = "attack"


def judge(draft: Draft) -> None:
    """Once a minute: judge what came, step down or up, tell it, cancel what an attack left."""
    breaker = draft.breaker
    if breaker is None:
        return
    before = breaker.step
    found = breaker.judge(draft.purse.day_nanos)
    if found is None:
        return
    draft.figures, verdict = found
    told(draft, before, tell(draft.figures))
    prefixes = tuple(breaker.attacked) if verdict.attacked else ()
    abroad = verdict.abroad and breaker.step >= Step.HOME
    if draft.known.sweep is None and (prefixes or abroad):
        home = draft.rules.plan.home if abroad else ""
        since_ns = draft.now.wall_ns - (WINDOW + 1) * MINUTE_NS
        draft.changes.sweep = Sweep(prefixes, home, draft.next_id, since_ns, 0)
        draft.wake_in(0)


def told(draft: Draft, before: Step, figures: str) -> None:
    """Alarm a step that was taken, with its figures; the step before it is over."""
    assert draft.breaker is not None, "there is a breaker that took the step"
    step = draft.breaker.step
    if step is not before:
        draft.count(f"breaker: {step.title}")
        draft.end_alarm(ALARM, before.title, figures)
        if step is not Step.OPEN:
            draft.raise_alarm(ALARM, step.title, figures)


def sweep(draft: Draft) -> None:
    """A turn's share of cancelling what a recognised attack made wait."""
    job = draft.known.sweep
    if job is None:
        return
    for reply in draft.known.swept:
        if reply.id in draft.gone:
            continue
        if reply.prefix in job.prefixes or (job.home and reply.country != job.home):
            draft.cancel(reply, "breaker", stored=True)
    if len(draft.known.swept) < SWEPT_MOST:
        draft.changes.sweep_over = True
        return
    last = draft.known.swept[-1]
    draft.changes.sweep = job._replace(at_ns=last.created_ns, after_id=last.id)
    draft.wake_in(0)


def obey(draft: Draft, name: str) -> str:
    """`breaker-hold` and `breaker-release`. Returns what the operator is told."""
    breaker = draft.breaker
    if breaker is None:
        return "the breaker is not configured"
    before = breaker.step
    if name == "breaker-hold":
        breaker.hold()
    elif before is Step.OPEN:
        return "the breaker is open"
    else:
        breaker.release()
    told(draft, before, "by an operator")
    draft.changes.audit.append((name, ALL))
    draft.wake_in(0)
    return "done"
