"""Who gets a reply: contacts against opt-outs, claims, opened countries and prices."""

from collections import Counter
from collections.abc import Mapping, Sequence
from operator import attrgetter

from routing.called import Called, Calls
from routing.draft import Draft
from routing.prices import Offer
from routing.records import Campaign, Contact, Reply, ReplyKind, SenderKeys, Silence, made
from routing.standing import Claim, ClaimKey, claim_scope

CONTACTS_COUNTED = 3  # in one period; more of them need no more writing
STOP_PERIOD_NS = 30 * 24 * 3600 * 1_000_000_000
SPREAD_STEPS = 1 << 32
REPLY = ReplyKind.REPLY


def answer(draft: Draft, contacts: list[Contact]) -> None:
    """Decide every contact of the batch in its order, and book the inbound texts."""
    texts = Counter(map(attrgetter("number"), contacts))  # texts to each of ours that we take
    first_id = draft.next_id
    calls = Calls(draft)
    for contact in contacts:
        silence = _consider(draft, calls, contact)
        if silence is not None:
            draft.count(f"silent: {silence.value}")
            if silence is Silence.FULL:
                draft.changes.effects.full.append(contact.ack)
                texts[contact.number] -= 1
    _book_inbound(draft, +texts)
    if contacts:
        draft.count("contacts", len(contacts))
        draft.count("replies", draft.next_id - first_id)


def _book_inbound(draft: Draft, texts: Mapping[str, int]) -> None:
    """What reached us is billed, in one posting a currency."""
    inbound = 0
    foreign: dict[str, list[int]] = {}  # currency → [nano-units of the books, and of its own]
    for name, count in texts.items():
        number = draft.rules.numbers.get(name)
        if number is not None:
            cost = draft.inbound(number)
            inbound += cost.nanos * count
            if cost.currency:
                sums = foreign.setdefault(cost.currency, [0, 0])
                sums[0] += cost.nanos * count
                sums[1] += cost.billed_nanos * count
    if inbound:
        draft.purse.add(-inbound)
        for currency, (nanos, billed) in foreign.items():
            draft.post(0, "inbound", nanos, 0, billed, currency)
            inbound -= nanos
    if inbound:
        draft.post(0, "inbound", inbound)


def _consider(draft: Draft, calls: Calls, contact: Contact) -> Silence | None:
    """None when a reply was made, else why there is none."""
    _, name, sender, country, keys, silence, stop, part, mccmnc = contact
    if silence is not None:
        return silence
    assert keys is not None, "a contact without a silence has keys"
    optout, claims, _ = keys
    if optout in draft.known.optouts or optout in draft.opted_out:
        if stop:
            draft.changes.optouts.append(optout)  # one made by hand is their own from now on
        return Silence.OPTED_OUT
    called = calls[name, country]
    if stop:
        return _stop(draft, contact, keys, called)
    if not called.opened:
        return Silence.COUNTRY_CLOSED
    text_id, digits = called.text_id, sender[: called.reach]
    offer = called.offers[digits, mccmnc, text_id]
    if offer is None:
        return Silence.NO_RATE
    scope = called.scope
    found, claim, before = draft.claim(claims, scope), None, False
    if found is not None:
        claim, silence = _again(draft, contact, keys, called, found)
        if silence is not None:
            return silence
        before = found[1].replies > 0
        if claim is not None:
            text_id = called.number.text_id(claim.replies)
            offer = called.offers[digits, mccmnc, text_id]
            assert offer is not None, "a price does not depend on the text"
    if draft.waiting >= draft.rules.max_waiting:
        return Silence.FULL
    nanos = offer.nanos
    breaker = draft.breaker
    if breaker is not None and breaker.step:
        silence = breaker.refuses(contact, before)
    limit = None
    if silence is None:
        # One who texts a thousand times counts three times; of a long text the first part counts.
        counted = part == 1 and (claim is None or claim.contacts < CONTACTS_COUNTED)
        limit = silence = called.gate.admit(keys, counted, offer.segments, nanos)
    if breaker is not None:
        breaker.asked(contact, nanos, before, limit is not None)
    if silence is None:
        due_ns = called.due_ns
        if called.spread_ns:
            due_ns = _spread(draft, called.spread_ns, claims, due_ns)
        _promise(draft, contact, keys, called, REPLY, text_id, offer, due_ns, scope, found, claim)
    return silence


def _again(
    draft: Draft, contact: Contact, keys: SenderKeys, called: Called, found: tuple[ClaimKey, Claim]
) -> tuple[Claim | None, Silence | None]:
    """The claim of a sender we know, if its period still runs; and why they get no more in it."""
    campaign = called.campaign
    claim = _current(found[1], campaign.claim_ns, draft)
    if claim is None:
        return None, None
    claim = _rhythm(draft, claim)
    silence = _had_enough(draft, claim, campaign)
    if silence is None:
        return claim, None
    counted = claim._replace(contacts=min(claim.contacts + 1, CONTACTS_COUNTED))
    if found != ((keys.claims[0], campaign.name), counted):
        _write_claim(draft, found, keys, campaign.name, counted)
    if contact.part == 1:
        if draft.breaker is not None:
            draft.breaker.repeated()
        if claim.contacts < CONTACTS_COUNTED:
            called.gate.admit(keys, 1, 0, 0)
    return claim, silence


def _rhythm(draft: Draft, claim: Claim) -> Claim:
    """Count a reply of ours that was answered faster than people do, once."""
    left_ns = draft.known.left_ns.get(claim.reply_id)
    if left_ns is None or claim.reply_id == claim.looped:
        return claim
    if not 0 < draft.now.wall_ns - left_ns <= draft.rules.guards.loop_within_ns:
        return claim  # what came in the batch in which the reply left does not answer it
    return claim._replace(loops=claim.loops + 1, looped=claim.reply_id)


def _had_enough(draft: Draft, claim: Claim, campaign: Campaign) -> Silence | None:
    """Why the sender gets no more replies in this period, None when they may."""
    if claim.replies >= campaign.max_replies:
        return Silence.CLAIMED
    if draft.rules.guards.loop_within_ns and claim.loops >= draft.rules.guards.loops:
        return Silence.LOOP
    return None


def _spread(draft: Draft, spread_ns: int, claims: Sequence[bytes], due_ns: int) -> int:
    """The due time, earlier or later by the sender's pseudonym."""
    offset = int.from_bytes(claims[0][:4], "big")  # keyed, so unpredictable outside
    return max(draft.now.wall_ns, due_ns + spread_ns * 2 * offset // SPREAD_STEPS - spread_ns)


def _promise(
    draft: Draft,
    contact: Contact,
    keys: SenderKeys,
    called: Called,
    kind: ReplyKind,
    text_id: str,
    offer: Offer,
    due_ns: int,
    scope: str,
    found: tuple[ClaimKey, Claim] | None,
    claim: Claim | None,
) -> None:
    """Promise a reply and claim the sender; `claim` is what they have had in a period that runs."""
    pseudonym, now, epoch = keys.claims[0], draft.now.wall_ns, draft.known.epoch
    reply_id = draft.next_id
    draft.next_id = reply_id + 1
    draft.waiting += 1
    draft.offers[reply_id] = offer
    reply = made(
        Reply,
        (
            reply_id,
            called.scope,
            contact.number,
            kind,
            text_id,
            offer.segments,
            contact.country,
            pseudonym,
            epoch,
            keys.prefix,
            now,
            due_ns,
            0,
            contact.sender,
            keys.optout,
            contact.mccmnc,
        ),
    )
    called.fresh.append(reply)
    if draft.fresh_of is not None:
        draft.fresh_of.setdefault(keys.optout, []).append(reply)
    if claim is None:
        new = made(Claim, (epoch, 1, now, 1, reply_id, 0, 0))
    else:
        new = claim._replace(
            contacts=claim.contacts + 1, replies=claim.replies + 1, reply_id=reply_id
        )
    if found is None:
        draft.claims[pseudonym, scope] = new
    else:
        _write_claim(draft, found, keys, scope, new)


def _current(claim: Claim | None, period_ns: int, draft: Draft) -> Claim | None:
    """The claim if its period still runs; a new period begins with nothing used."""
    now = draft.now.wall_ns
    if claim is None or claim.period_start_ns + period_ns <= now:
        return None
    if claim.period_start_ns > now:  # an operator set the clock back: it may not run for years
        return claim._replace(period_start_ns=now)
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
        draft.moved_claims[found[0]] = key[0]
        if found[1].reply_id:
            draft.changes.claims_moved.append((key[0], found[1].reply_id))
    epoch = draft.known.epoch
    draft.claims[key] = claim if claim.epoch == epoch else claim._replace(epoch=epoch)


def _stop(draft: Draft, contact: Contact, keys: SenderKeys, called: Called) -> Silence | None:
    """Opt the sender out for good, cancel what waits for them, confirm once if configured."""
    draft.opted_out.add(keys.optout)
    draft.changes.optouts.append(keys.optout)
    campaign, text_id = called.campaign, called.number.stop_text_id
    _cancel_waiting(draft, keys)
    if not (campaign.confirm_stop and text_id and called.opened):
        return Silence.STOP
    offer = called.offers[contact.sender[: called.reach], contact.mccmnc, text_id]
    if offer is None:
        return Silence.STOP
    kind = ReplyKind.STOP_CONFIRMATION
    scope = claim_scope(campaign.name, kind)
    found = draft.claim(keys.claims, scope)
    claim = _current(found[1] if found else None, STOP_PERIOD_NS, draft)
    if (claim is not None and claim.replies) or draft.waiting >= draft.rules.max_waiting:
        return Silence.STOP
    if called.gate.admit(keys, 0, offer.segments, offer.nanos) is None:
        now = draft.now.wall_ns
        _promise(draft, contact, keys, called, kind, text_id, offer, now, scope, found, None)
    return Silence.STOP


def _cancel_waiting(draft: Draft, keys: SenderKeys) -> None:
    """Whatever waits for the sender, in any campaign; what was not read is met at its release."""
    if draft.fresh_of is None:  # the first one who is stopped in this turn
        draft.fresh_of = {}
        for lane in draft.fresh.values():
            for reply in lane:
                draft.fresh_of.setdefault(reply.optout, []).append(reply)
    for reply in draft.fresh_of.pop(keys.optout, ()):
        draft.cancel(reply, "opt-out", stored=False)
    if draft.stopped_of is None:
        draft.stopped_of = {}
        for reply in draft.known.stopped.values():
            if reply.kind is REPLY:
                draft.stopped_of.setdefault(reply.claim, []).append(reply)
    for pseudonym in keys.claims:
        for reply in draft.stopped_of.pop(pseudonym, ()):
            draft.cancel(reply, "opt-out", stored=True)
