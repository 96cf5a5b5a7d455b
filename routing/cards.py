"""Taking over a rate card: a draft gathers its rows, and one row makes it valid, all or nothing."""

from routing.draft import Draft
from routing.standing import CardStep


def take_card(draft: Draft, step: CardStep) -> str:
    """Carry out one step. Returns the sentence its sender is told after the commit.

    A step that is told twice, because its answer was lost, is done once.
    """
    carrier = step.carrier
    if carrier not in draft.rules.carriers:
        return f"there is no carrier {carrier}"
    if step.what == "begin":
        draft.drafts[carrier] = (step.digest, 0)
        draft.changes.cards.append(step)
        return "done"
    digest, rows = draft.drafts.get(carrier, ("", 0))
    if digest != step.digest:
        return "another import has taken its place; begin again"
    if step.what == "rows":
        if step.place + len(step.rows) <= rows:
            return "done"
        if step.place != rows:
            return f"row {rows} is the next, not {step.place}; begin again"
        draft.drafts[carrier] = (digest, rows + len(step.rows))
        draft.changes.cards.append(step)
        return "done"
    if step.place != rows:
        return f"{rows} rows have come, not {step.place}; begin again"
    if step.fault:
        return step.fault
    del draft.drafts[carrier]
    draft.changes.cards.append(step)
    draft.changes.audit.append(("card", f"{carrier} version {step.version}, {rows} rows"))
    return "done"
