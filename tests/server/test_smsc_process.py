"""`smppd simulate` with a plan, as an operator runs it: TLS, files, the screen at the end."""

import csv
import datetime
import os
import socket
import ssl
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from twisted.internet.testing import MemoryReactorClock

from smpp_server.cli import group
from smpp_server.config_simulator import OPEN_WORDS
from smpp_server.smpp import schema as s
from smpp_server.smpp.codec import cut, decode, encode
from smpp_server.smsc_port import server_tls
from tests.server.smsc_wire import OUR_NUMBER, a_simulator

ROOT = Path(__file__).parent.parent.parent
PLAN = f"""\
[smsc]
port = 0
max_messages = 3
certificate = "smsc.pem"
private_key = "smsc.key"
[account.main]
system_id = "shop"
password = "secret"
[invoice]
prices = "prices.csv"
zone = "Europe/Paris"
opt_out_clause = " STOP 36111"
cdr = "cdr.csv"
[crowd.people]
shape = "steady"
to = "{OUR_NUMBER}"
texts = 3
last_ms = 100
"""
PRICES = "out,33,France,0.0495\nin,33,texts,0.0075\n"


def write_pair(directory: Path) -> None:
    """A certificate for localhost and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    today = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(today)
        .not_valid_after(today + datetime.timedelta(days=36_500))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (directory / "smsc.pem").write_bytes(certificate.public_bytes(pem))
    (directory / "smsc.key").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


def converse(port: int, certificate: Path) -> None:
    """Bind over TLS, answer each text and send one back to each; until the SMSC unbinds."""
    context = ssl.create_default_context(cafile=str(certificate))
    with (
        socket.create_connection(("127.0.0.1", port), timeout=30) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as line,
    ):
        bind = s.BindTransceiver(system_id="shop", password="secret", sequence_number=1)
        line.sendall(encode(bind))
        buffer = bytearray()
        while data := line.recv(4096):
            buffer += data
            for frame in cut(buffer)[0]:
                pdu = decode(frame)
                if isinstance(pdu, s.DeliverSm):
                    line.sendall(encode(s.DeliverSmResp(sequence_number=pdu.sequence_number)))
                    reply = s.SubmitSm(
                        source_addr=OUR_NUMBER,
                        destination_addr=pdu.source_addr,
                        short_message=b"a" * 155,
                        sequence_number=pdu.sequence_number + 1,
                    )
                    line.sendall(encode(reply))
                elif isinstance(pdu, s.Unbind):
                    line.sendall(encode(s.UnbindResp(sequence_number=pdu.sequence_number)))
                    return


@pytest.mark.slow
def test_a_plan_from_beginning_to_end(tmp_path: Path) -> None:
    write_pair(tmp_path)
    (tmp_path / "plan.toml").write_text(PLAN, "utf-8")
    (tmp_path / "prices.csv").write_text(PRICES, "utf-8")
    words = [sys.executable, "-m", "smpp_server", "simulate", "--plan", tmp_path / "plan.toml",
             "--invoice-summary", "sums.csv", "--pcap", "run.pcap", "--max-seconds",
             "60"]  # fmt: skip
    options: dict[str, Any] = {"cwd": tmp_path, "env": {**os.environ, "PYTHONPATH": str(ROOT)}}
    smsc = subprocess.Popen(
        words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, **options
    )
    try:
        assert smsc.stdout is not None
        port = int(smsc.stdout.readline().partition("port ")[2].partition(":")[0])
        converse(port, tmp_path / "smsc.pem")
        out, _ = smsc.communicate(timeout=60)
    finally:
        smsc.kill()
    assert smsc.returncode == 0
    told = {line.split()[0]: line.split()[1:] for line in out.splitlines() if line.split()}
    assert told["delivered"][:4] == ["3", "0", "of", "them"]
    assert told["submits"][:3] == ["3", "accepted", "3,"]
    assert told["France"] == ["3", "replies", "6", "segments", "0.297", "EUR"]
    assert told["received"] == ["3", "texts", "0.0225", "EUR"]
    rows = list(csv.DictReader((tmp_path / "cdr.csv").read_text().splitlines()))
    assert sorted((row["direction"], row["segments"], row["price"]) for row in rows) == [
        *[("mo", "1", "0.0075")] * 3,
        *[("mt", "2", "0.099")] * 3,
    ]
    assert rows[0]["time"].endswith(("+01:00", "+02:00"))
    sums = (tmp_path / "sums.csv").read_text().splitlines()
    assert [line.partition(",")[2] for line in sums[1:]] == [
        "mo,33,texts,0.0075,3,3,0.0225,EUR",
        "mt,33,France,0.0495,3,6,0.297,EUR",
    ]
    capture = (tmp_path / "run.pcap").read_bytes()
    assert capture.count(b"a" * 155) == 3  # as they were before TLS and after it


def refused(*words: object) -> str:
    """What the command says instead of beginning."""
    result = CliRunner().invoke(group, ["simulate", *map(str, words)])
    assert result.exit_code == 1, result.output
    return result.output


def test_what_is_refused_before_it_begins(tmp_path: Path) -> None:
    plan = tmp_path / "plan.toml"
    plan.write_text('[acount.main]\nsystem_id = "a"\npassword = "b"\n', "utf-8")
    told = refused("--plan", plan)
    assert f'{plan}:1: acount: unknown key, did you mean "account"?' in told
    assert f"{plan}:1: account: is missing" in told
    plan.write_text('[account.main]\nsystem_id = "a"\npassword = "b"\n', "utf-8")
    assert "write it there" in refused("--plan", plan, "--system-id", "x")
    assert OPEN_WORDS in refused("--plan", plan, "--interface", "0.0.0.0")
    assert OPEN_WORDS in refused("--interface", "0.0.0.0")
    assert "cannot be written" in refused("--cdr", tmp_path / "no" / "cdr.csv")
    assert "cannot be written" in refused("--pcap", tmp_path / "no" / "run.pcap")
    (tmp_path / "a.pem").write_text("no certificate")
    plan.write_text(plan.read_text() + '[smsc]\ncertificate = "a.pem"\nprivate_key = "a.pem"')
    assert "are no pair" in refused("--plan", plan)


def test_a_port_with_tls(tmp_path: Path) -> None:
    write_pair(tmp_path)
    certificate, key = (tmp_path / "smsc.pem").read_bytes(), (tmp_path / "smsc.key").read_bytes()
    reactor = MemoryReactorClock()
    smsc = a_simulator(reactor)
    tls = server_tls(certificate, key)
    smsc.listen(2776, tls=tls)
    assert not reactor.tcpServers
    [(port, factory, context, *_)] = reactor.sslServers
    assert (port, factory, context) == (2776, smsc.factory, tls)
    write_pair(tmp_path)
    with pytest.raises(ValueError, match="no pair"):
        server_tls(certificate, (tmp_path / "smsc.key").read_bytes())
