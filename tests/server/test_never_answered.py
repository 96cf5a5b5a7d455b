"""Who is never answered: a line for each kind of sender there is no use, or only harm, in texting.

A table line: TON, address as the carrier writes it → what is wrong with it, or the country of who
may be answered. Links write TON 0 as they like ("auto"), and home is France.
"""

from pathlib import Path

import pytest

from routing.numbering import MoForm
from smpp_server.numbering_plan import read_plan

PLAN = read_plan(Path(__file__).parents[2] / "conf" / "numbering.toml")

TABLE = """
    # names, short codes and nothing at all: SMPP 3.4 section 5.2.5
    5  Orange            alphanumeric
    5  33612340001       alphanumeric
    0  INFO              alphanumeric
    0  anonymous         alphanumeric
    0  unknown           alphanumeric
    0  restricted        alphanumeric
    0  client:Anonymous  alphanumeric
    1  -                 none
    0  -                 none
    0  +                 none
    3  33612340001       network
    6  612               network
    0  38200             short
    0  36111             short
    1  3900              short
    0  800               short
    # country codes of no country: freephone, shared cost, satellites, networks, premium, trials
    1  80012345678       never
    1  80812345678       never
    1  870773123456      never
    1  87812345678901    never
    1  881612345678      never
    1  88213123456       never
    1  883510012345      never
    1  88812345678       never
    1  97912345678       never
    1  99112345678       never
    1  38812345678       never
    # too short and too long for E.164
    1  336123400         unreadable
    1  336123400011      unreadable
    1  3361234000112345  unreadable
    # North America: premium rate, fiction, freephone; the islands are countries of their own
    1  19005551234       never
    1  12129761234       never
    1  12125550123       never
    1  18005551234       never
    1  12125551234       US
    1  17872345678       PR
    1  18762101234       JM
    1  18091234567       never
    1  18092345678       DO
    1  12462501234       BB
    1  14413701234       BM
    1  12423591234       BS
    1  18682911234       TT
    # France: special rates, services, directories, landlines, automatic services, fiction
    2  0801234567        unreadable
    1  33801234567       never
    1  33811123456       never
    1  33891123456       never
    2  3639              short
    2  3900              short
    2  118712            short
    1  33118712          unreadable
    2  0123456789        never
    2  0223456789        never
    2  0323456789        never
    2  0423456789        never
    2  0523456789        never
    2  0912345678        never
    1  33145678901       never
    1  33937123456       never
    2  0639980123        unreadable
    1  33639980123       unreadable
    2  0612340001        FR
    2  0756123456        FR
    # overseas France: other destinations, other prices
    2  0690001234        GP
    2  0694201234        GF
    2  0696201234        MQ
    2  0692123456        RE
    2  0639012345        YT
    1  687751234         NC
    1  68987123456       PF
    # elsewhere: premium rate, shared cost, freephone, voice over IP, pagers, personal numbers
    1  4490912345678     unreadable
    1  449098790123      never
    1  448431234567      never
    1  448001234567      never
    1  445600123456      never
    1  447640123456      never
    1  447012345678      never
    1  491371234567      never
    1  499001234567      never
    # fiction elsewhere
    1  447700900123      unreadable
    1  4917139200123     never
    # callers who hide, spelled on a keypad
    1  266696687         never
    1  +266696687        never
    1  7378742833        never
    1  17378742833       never
    0  2562533           never
    0  8656696           never
    1  86282452253       never
    # ... and who only begins alike
    1  26658123456       LS
    1  17378742834       US
"""
LINES = [line.split() for line in TABLE.strip().splitlines() if not line.strip().startswith("#")]


@pytest.mark.parametrize(("ton", "address", "wanted"), LINES)
def test_who_is_never_answered(ton: str, address: str, wanted: str) -> None:
    reading = PLAN.read(address.replace("-", ""), int(ton), MoForm.AUTO)
    assert (reading.fault or reading.country) == wanted
