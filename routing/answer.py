"""Who gets a reply: contacts against opt-outs, claims, opened countries and prices."""

from routing.draft import Draft
from routing.records import Campaign, Contact, OurNumber, Reply, ReplyKind, SenderKeys, Silence
from routing.standing import Claim, ClaimKey, claim_scope

CONTACTS_COUNTED = 3  # in one period; more of them need no more writing
STOP_PERIOD_NS = 30 * 24 * 3600 * 1_000_000_000
SPREAD_STEPS = 1 << 32


def answer(draft: Draft, contacts: list[Contact]) -> None:
    """Decide every contact of the batch in its order, and book the inbound texts."""
    texts: dict[str, int] = {}  # name of our number → texts to it that we take
    first_id = draft.next_id
    for contact in contacts:
        silence = _consider(draft, contact)
        if silence is not None:
            draft.count(f"silent: {silence.value}")
            if silence is Silence.FULL:
                draft.changes.effects.full.append(contact.ack)
                continue
        texts[contact.number] = texts.get(contact.number, 0) + 1
    _book_inbound(draft, texts)
    if contacts:
        draft.count("contacts", len(contacts))
        draft.count("replies", draft.next_id - first_id)


def _book_inbound(draft: Draft, texts: dict[str, int]) -> None:
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


def _consider(draft: Draft, contact: Contact) -> Silence | None:
    """None when a reply was made, else why there is none."""
    if contact.silence is not None:
        return contact.silence
    keys = contact.keys
    assert keys is not None, "a contact without a silence has keys"
    if keys.optout in draft.known.optouts or keys.optout in draft.opted_out:
        if contact.stop:
            draft.changes.optouts.append(keys.optout)  # one made by hand is their own from now on
        return Silence.OPTED_OUT
    number = draft.rules.numbers[contact.number]
    if contact.stop:
        return _stop(draft, contact, keys, number)
    campaign = draft.rules.campaigns[number.campaign]
    if contact.country not in campaign.countries:
        return Silence.COUNTRY_CLOSED
    if not priced(draft, number, contact):
        return Silence.NO_RATE
    found = draft.claim(keys.claims, campaign.name)
    claim = _current(found[1], campaign.claim_ns, draft) if found else None
    # One who texts a thousand times counts three times; of a long text the first part counts.
    counted = int(contact.part == 1 and (claim is None or claim.contacts < CONTACTS_COUNTED))
    one_only = campaign.max_replies == 1
    if claim is not None:
        claim = _rhythm(draft, claim)
        silence = _had_enough(draft, claim, campaign)
        if silence is not None:
            claim = claim._replace(contacts=min(claim.contacts + 1, CONTACTS_COUNTED))
            if found != ((keys.claims[0], campaign.name), claim):
                _write_claim(draft, found, keys, campaign.name, claim)
            if draft.breaker is not None and contact.part == 1:
                draft.breaker.repeated()
            if counted:
                draft.guards.admit(contact, one_only, 1, 0, 0)
            return silence
    if draft.waiting >= draft.rules.max_waiting:
        return Silence.FULL
    text_id = number.text_id(claim.replies) if claim else number.text_ids[0]
    segments, nanos = _cost(draft, text_id)
    breaker, before = draft.breaker, found is not None and found[1].replies > 0
    silence = breaker.refuses(contact, before) if breaker is not None and breaker.step else None
    limit = None if silence else draft.guards.admit(contact, one_only, counted, segments, nanos)
    if breaker is not None:
        breaker.asked(contact, nanos, before, limit is not None)
    silence = silence or limit
    if silence is None:
        _answer(draft, contact, keys, number, text_id, found, claim)
    return silence


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


def _cost(draft: Draft, text_id: str) -> tuple[int, int]:
    """Segments of a text, and what it costs us for whom `priced` was last asked about."""
    carrier, rate = draft.quoted
    assert rate is not None, "who has no price is not answered"
    asked = (carrier, rate.nanos_per_segment, text_id)
    if draft.last_cost[0] != asked:  # most of a batch ask the same
        segments = draft.rules.texts[text_id].segments
        nanos = draft.cost(carrier, segments * rate.nanos_per_segment).nanos
        draft.last_cost = (asked, segments, nanos)
    return draft.last_cost[1:]


def _answer(
    draft: Draft,
    contact: Contact,
    keys: SenderKeys,
    number: OurNumber,
    text_id: str,
    found: tuple[ClaimKey, Claim] | None,
    claim: Claim | None,
) -> None:
    """Promise a reply and claim the sender."""
    campaign = draft.rules.campaigns[number.campaign]
    now = draft.now.wall_ns
    due = now + campaign.delay_ns
    if draft.breaker is not None and draft.breaker.step:
        due += draft.breaker.slower_ns()
    if campaign.spread_ns:
        offset = int.from_bytes(keys.claims[0][:4], "big")  # keyed, so unpredictable outside
        spread = campaign.spread_ns * 2 * offset // SPREAD_STEPS - campaign.spread_ns
        due = max(now, due + spread)
    reply_id = _new_reply(draft, contact, keys, number, ReplyKind.REPLY, text_id, due)
    if claim is None:
        new = Claim(draft.known.epoch, 1, now, 1, reply_id)
    else:
        new = claim._replace(
            contacts=claim.contacts + 1, replies=claim.replies + 1, reply_id=reply_id
        )
    _write_claim(draft, found, keys, campaign.name, new)


def priced(draft: Draft, number: OurNumber, contact: Contact) -> bool:
    """Does any link of `number` have a price for this sender?"""
    links, now = draft.rules.links, draft.now.wall_ns
    for link in number.links:
        carrier = links[link].carrier
        rate = draft.rates[carrier].price(contact.sender, contact.country, now, contact.mccmnc)
        if rate is not None:
            draft.quoted = (carrier, rate)
            return True
    return False


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


def _stop(draft: Draft, contact: Contact, keys: SenderKeys, number: OurNumber) -> Silence | None:
    """Opt the sender out for good, cancel what waits for them, confirm once if configured."""
    draft.opted_out.add(keys.optout)
    draft.changes.optouts.append(keys.optout)
    campaign = draft.rules.campaigns[number.campaign]
    _cancel_waiting(draft, keys)
    if not (campaign.confirm_stop and number.stop_text_id):
        return Silence.STOP
    if contact.country not in campaign.countries or not priced(draft, number, contact):
        return Silence.STOP
    kind = claim_scope(campaign.name, ReplyKind.STOP_CONFIRMATION)
    found = draft.claim(keys.claims, kind)
    claim = _current(found[1] if found else None, STOP_PERIOD_NS, draft)
    if (claim is not None and claim.replies) or draft.waiting >= draft.rules.max_waiting:
        return Silence.STOP
    text_id = number.stop_text_id
    if draft.guards.admit(contact, campaign.max_replies == 1, 0, *_cost(draft, text_id)):
        return Silence.STOP
    now = draft.now.wall_ns
    reply_id = _new_reply(draft, contact, keys, number, ReplyKind.STOP_CONFIRMATION, text_id, now)
    new = Claim(draft.known.epoch, 1, now, 1, reply_id)
    _write_claim(draft, found, keys, kind, new)
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
            if reply.kind is ReplyKind.REPLY:
                draft.stopped_of.setdefault(reply.claim, []).append(reply)
    for pseudonym in keys.claims:
        for reply in draft.stopped_of.pop(pseudonym, ()):
            draft.cancel(reply, "opt-out", stored=True)


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
    draft.quotes[reply_id] = draft.quoted
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
        keys.optout,
        contact.mccmnc,
    )
    if draft.fresh_of is not None:
        draft.fresh_of.setdefault(keys.optout, []).append(reply)
    draft.fresh.setdefault((number.name, number.campaign), []).append(reply)
    return reply_id
