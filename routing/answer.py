"""Who gets a reply: contacts against opt-outs, claims, opened countries and prices."""

from routing.draft import Draft
from routing.records import Contact, OurNumber, Reply, ReplyKind, SenderKeys, Silence
from routing.standing import Claim, ClaimKey

STOP_PERIOD_NS = 30 * 24 * 3600 * 1_000_000_000
SPREAD_STEPS = 1 << 32


def answer(draft: Draft, contacts: list[Contact]) -> None:
    """Decide every contact of the batch in its order, and book the inbound texts."""
    inbound = 0
    numbers = draft.rules.numbers
    for contact in contacts:
        silence = _consider(draft, contact)
        if silence is Silence.FULL:
            draft.changes.effects.full.append(contact.ack)
            draft.count(f"silent: {silence.value}")
            continue
        if silence is not None:
            draft.count(f"silent: {silence.value}")
        number = numbers.get(contact.number)
        if number is not None:
            inbound += number.inbound_nanos
    draft.count("contacts", len(contacts))
    if inbound:
        draft.post(0, "inbound", inbound)
        draft.purse.add(-inbound)


def _consider(draft: Draft, contact: Contact) -> Silence | None:
    """None when a reply was made, else why there is none."""
    if contact.silence is not None:
        return contact.silence
    keys = contact.keys
    assert keys is not None, "a contact without a silence has keys"
    if keys.optout in draft.known.optouts or keys.optout in draft.opted_out:
        return Silence.OPTED_OUT
    number = draft.rules.numbers[contact.number]
    if contact.stop:
        return _stop(draft, contact, keys, number)
    campaign = draft.rules.campaigns[number.campaign]
    if contact.country not in campaign.countries:
        return Silence.COUNTRY_CLOSED
    if not priced(draft, number, contact):
        return Silence.NO_RATE
    now = draft.now.wall_ns
    found = draft.claim(keys.claims, campaign.name)
    claim = _current(found[1] if found else None, campaign.claim_ns, draft)
    if claim.replies >= campaign.max_replies:
        _write_claim(draft, found, keys, campaign.name, claim._replace(contacts=claim.contacts + 1))
        return Silence.CLAIMED
    if draft.waiting >= draft.rules.max_waiting:
        return Silence.FULL
    offset = int.from_bytes(keys.claims[0][:4], "big")  # keyed, so unpredictable outside
    spread = campaign.spread_ns * 2 * offset // SPREAD_STEPS - campaign.spread_ns
    due = now + max(0, campaign.delay_ns + spread)
    reply_id = _new_reply(draft, contact, keys, number, ReplyKind.REPLY, number.text_id, due)
    _write_claim(
        draft,
        found,
        keys,
        campaign.name,
        Claim(
            draft.known.epoch,
            claim.contacts + 1,
            claim.period_start_ns,
            claim.replies + 1,
            reply_id,
        ),
    )
    return None


def priced(draft: Draft, number: OurNumber, contact: Contact) -> bool:
    """Does any link of `number` have a price for this sender?"""
    for link in number.links:
        card = draft.rates[draft.rules.links[link].carrier]
        if card.price(contact.sender, contact.country, draft.now.wall_ns) is not None:
            return True
    return False


def _current(claim: Claim | None, period_ns: int, draft: Draft) -> Claim:
    """The claim of the running period; a new period begins with nothing used."""
    now = draft.now.wall_ns
    if claim is None or claim.period_start_ns + period_ns <= now:
        return Claim(draft.known.epoch, 0, now, 0, 0)
    return claim


def _write_claim(
    draft: Draft,
    found: tuple[ClaimKey, Claim] | None,
    keys: SenderKeys,
    campaign: str,
    claim: Claim,
) -> None:
    """Store the claim under the current epoch; one that stood under an old key moves over."""
    key = (keys.claims[0], campaign)
    if found is not None and found[0] != key:
        draft.changes.claims_dropped.append(found[0])
        draft.claims.pop(found[0], None)
    draft.claims[key] = claim._replace(epoch=draft.known.epoch)


def _stop(draft: Draft, contact: Contact, keys: SenderKeys, number: OurNumber) -> Silence | None:
    """Opt the sender out for good, cancel what waits for them, confirm once if configured."""
    draft.opted_out.add(keys.optout)
    draft.changes.optouts.append(keys.optout)
    campaign = draft.rules.campaigns[number.campaign]
    _cancel_waiting(draft, keys, campaign.name)
    if not (campaign.confirm_stop and number.stop_text_id):
        return Silence.STOP
    if contact.country not in campaign.countries or not priced(draft, number, contact):
        return Silence.STOP
    kind = f"{campaign.name}/stop"
    found = draft.claim(keys.claims, kind)
    claim = _current(found[1] if found else None, STOP_PERIOD_NS, draft)
    if claim.replies or draft.waiting >= draft.rules.max_waiting:
        return Silence.STOP
    now = draft.now.wall_ns
    text_id = number.stop_text_id
    reply_id = _new_reply(draft, contact, keys, number, ReplyKind.STOP_CONFIRMATION, text_id, now)
    new = Claim(draft.known.epoch, 1, now, 1, reply_id)
    _write_claim(draft, found, keys, kind, new)
    return Silence.STOP


def _cancel_waiting(draft: Draft, keys: SenderKeys, campaign: str) -> None:
    found = draft.claim(keys.claims, campaign)
    if found is None:
        return
    reply_id = found[1].reply_id
    for lane, replies in draft.fresh.items():
        for reply in replies:
            if reply.id == reply_id:
                draft.cancel(reply, "opt-out", stored=False)
                draft.fresh[lane] = [other for other in replies if other.id != reply_id]
                return
    stored = draft.known.stopped.get(reply_id)
    if stored is not None and reply_id not in draft.flights:
        draft.cancel(stored, "opt-out", stored=True)
        draft.gone.add(reply_id)


def _new_reply(
    draft: Draft,
    contact: Contact,
    keys: SenderKeys,
    number: OurNumber,
    kind: ReplyKind,
    text_id: str,
    due_ns: int,
) -> int:
    reply_id = draft.next_id
    draft.next_id += 1
    draft.waiting += 1
    reply = Reply(
        reply_id,
        number.campaign,
        number.name,
        kind,
        text_id,
        draft.rules.texts[text_id].segments,
        contact.country,
        keys.claims[0],
        draft.known.epoch,
        keys.prefix,
        draft.now.wall_ns,
        due_ns,
        0,
        contact.sender,
    )
    draft.fresh.setdefault((number.name, number.campaign), []).append(reply)
    draft.count("replies")
    return reply_id
