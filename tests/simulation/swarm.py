"""What a seed is: the shape of the house, and which faults exist at all in its world."""

from dataclasses import dataclass
from random import Random

OURS = "33937000001"
PASSWORD = "tiptoe42"
OUT_NANOS, IN_NANOS = 49_500_000, 7_500_000  # a segment to France, a text that reaches us
REPLY_WORDS, STOP_WORDS = "Non.", "Note : plus aucun message."
LONG_WORDS = "Ce message est une reponse automatique et longue. " * 4
RATES = """prefix,direction,price,currency,country,note
33,out,0.0495,EUR,FR,France
32,out,0.1045,EUR,BE,priced but not opened
33,in,0.0075,EUR,FR,a text that reaches us
"""

FAULTS: dict[str, str] = {
    "cut": "a connection dies at any octet",
    "silence": "a connection goes silent, and nobody is told",
    "refuse": "nobody listens for a while",
    "hang": "connecting takes for ever",
    "split": "reads are cut at any octet and merged",
    "latency": "octets take up to two seconds",
    "stuff": "the transport takes no more for a while",
    "refuse_binds": "binds are refused",
    "unbind": "the SMSC asks to unbind",
    "throttle": "submits are throttled for a while",
    "retry": "submits are put off with ESME_RSYSERR",
    "account": "submits are refused for lack of credit",
    "session": "submits are refused as if nothing were bound",
    "reject": "submits are refused for good",
    "swallow": "submits are neither billed nor answered, enquire_link is",
    "lose": "submits are billed, their responses lost",
    "late": "responses come late, some after their time",
    "disorder": "responses come out of order",
    "double": "responses come twice",
    "stray": "responses come for numbers nobody knows",
    "nack": "generic_nack comes with sequence_number 0",
    "unknown": "unknown commands come",
    "framing": "a command_length is wrong",
    "tlvs": "texts carry optional parameters unknown, wrong in size, repeated",
    "again": "a deliver_sm comes twice on one connection",
    "full": "the disk is full for a while",
    "unsure": "a commit is done, and said to have failed",
    "slow": "a commit takes up to a few seconds",
    "stall": "a commit takes 30 s",
    "crash": "the machine dies at a commit: before it, in it, or between commit and write",
    "restart": "the server is stopped and started",
    "back": "the clock goes back a day",
    "ahead": "the clock goes 75 years ahead",
    "hold": "the operator holds everything for a while",
}


@dataclass(frozen=True)
class Shape:
    """How the house is configured; money in nano-units, spans in seconds."""

    links: str  # one, pair, two
    window: int
    tps: int
    per_hour: int
    per_day: int
    per_range: int  # of replies to one range of numbers in an hour, by its guard
    delay_s: int
    spread_s: int
    budget_day: int
    budget_total: int
    funds: int
    max_replies: int
    confirm_stop: bool
    response_timeout_s: int
    enquire_link_s: int
    registered_delivery: int
    max_waiting: int
    long: bool
    hex_ids: bool
    hex_receipt_ids: bool | None
    receipt_first: bool
    receipt_text: bool
    receipt_delay_s: int
    delivered: bool  # what receipts say
    start_s: int  # seconds after midnight

    @property
    def segments(self) -> int:
        """Of a reply."""
        return 2 if self.long else 1

    @property
    def words(self) -> str:
        """Of a reply."""
        return LONG_WORDS.strip() if self.long else REPLY_WORDS


@dataclass(frozen=True)
class Swarm:
    """One seed's world."""

    seed: int
    shape: Shape
    faults: tuple[str, ...]
    seconds: int  # of faults, before they end

    def without(self, *names: str) -> "Swarm":
        """The same world with fewer faults."""
        left = tuple(name for name in self.faults if name not in names)
        return Swarm(self.seed, self.shape, left, self.seconds)


def draw(seed: int, seconds: int = 600) -> Swarm:
    """The swarm of a seed: each fault exists in about a quarter of the worlds."""
    chance = Random(f"{seed}/swarm")
    share = chance.choice((0.1, 0.25, 0.4))
    faults = tuple(name for name in FAULTS if chance.random() < share)
    return Swarm(seed, _shape(chance), faults, seconds)


def _shape(chance: Random) -> Shape:
    pick = chance.choice
    long = chance.random() < 0.2
    tight = chance.random() < 0.15
    price = OUT_NANOS * (2 if long else 1)
    delay = pick((0, 0, 1, 20, 120))
    return Shape(
        links=pick(("one", "one", "pair", "two")),
        window=pick((1, 2, 3, 10)),
        tps=pick((0, 0, 0, 1, 2, 10)),
        per_hour=pick((0, 0, 0, 0, 0, 25)),
        per_day=pick((0, 0, 0, 0, 0, 0, 12)),
        per_range=pick((0, 0, 0, 0, 10)),
        delay_s=delay,
        spread_s=pick((0, delay // 2)),
        budget_day=price * pick((3, 7)) if tight else 10**11,
        budget_total=price * pick((5, 9)) if chance.random() < 0.1 else 10**12,
        funds=price * pick((2, 8)) + 1 if chance.random() < 0.1 else 10**12,
        max_replies=pick((1, 1, 2)),
        confirm_stop=pick((True, False)),
        response_timeout_s=pick((4, 20)),
        enquire_link_s=pick((30, 60, 120)),
        registered_delivery=pick((0, 1, 1)),
        max_waiting=pick((100_000, 100_000, 100_000, 100_000, 5)),
        long=long,
        hex_ids=pick((True, False)),
        hex_receipt_ids=pick((None, True, False)),
        receipt_first=chance.random() < 0.2,
        receipt_text=pick((True, False)),
        receipt_delay_s=pick((0, 2, 60)),
        delivered=chance.random() < 0.8,
        start_s=pick((36_000, 36_000, 86_100)),
    )


def _amount(nanos: int) -> str:
    return f"{nanos // 10**9}.{nanos % 10**9:09d}"


def settings(shape: Shape) -> str:
    """The shape as an operator would write it."""
    names = {"two": ("main", "side")}.get(shape.links, ("main",))
    links = "".join(
        f"""
[link.{name}]
carrier = "main"
host = "127.0.0.1"
port = {2775 + number}
bind = "{"pair" if shape.links == "pair" else "transceiver"}"
system_id = "us"
password = "{PASSWORD}"
window = {shape.window}
response_timeout_s = {shape.response_timeout_s}
enquire_link_s = {shape.enquire_link_s}
long_text = "message_payload"
"""
        for number, name in enumerate(names)
    )
    return f"""
[server]
state_dir = "state"
replies = "replies.toml"
max_waiting = {shape.max_waiting}
[money]
budget_day = "{_amount(shape.budget_day)}"
budget_total = "{_amount(shape.budget_total)}"
[campaign.default]
delay_s = {shape.delay_s}
spread_s = {shape.spread_s}
max_replies = {shape.max_replies}
after_last_text = "repeat the last text"
confirm_stop = {str(shape.confirm_stop).lower()}
[number.main]
msisdn = "{OURS}"
links = [{", ".join(f'"{name}"' for name in names)}]
text = "fr.N"
tps_segments = {shape.tps}
segments_per_hour = {shape.per_hour}
segments_per_day = {shape.per_day}
[guard.sender]
segments_per_hour = 0
segments_per_day = 0
[guard.prefix]
segments_per_hour = {shape.per_range}
segments_per_day = 0
[carrier.main]
rate_card = "rate_card.csv"
registered_delivery = {shape.registered_delivery}
{links}"""


def replies(shape: Shape) -> str:
    """The texts of the shape."""
    return f"""
stop_words = ["STOP"]
[text.fr.N]
words = "{shape.words}"
allow_segments = 2
[text.fr.STOP]
words = "{STOP_WORDS}"
"""
