"""How a link is reached: TCP or TLS from the fields of its configuration, never from a string."""

import re
from collections.abc import Callable
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from OpenSSL import SSL
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.endpoints import (
    HostnameEndpoint,
    TCP4ClientEndpoint,
    TCP6ClientEndpoint,
    wrapClientTLS,
)
from twisted.internet.error import (
    ConnectError,
    ConnectingCancelledError,
    ConnectionDone,
    ConnectionLost,
    ConnectionRefusedError,
    DNSLookupError,
    TimeoutError,
)
from twisted.internet.interfaces import IProtocol, IProtocolFactory, IStreamClientEndpoint
from twisted.internet.ssl import (
    Certificate,
    PrivateCertificate,
    optionsForClientTLS,
    trustRootFromCertificates,
)
from twisted.python.failure import Failure
from zope.interface import implementer

from smpp_server.backoff import seconds
from smpp_server.config_records import LinkConfig

_PEM = re.compile(b"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
_STOPPED = (CancelledError, ConnectingCancelledError)


def endpoint_for(reactor: Any, config: LinkConfig) -> IStreamClientEndpoint:
    """The client endpoint of a link. With TLS the certificate name may differ from the host."""
    plain = _plain(reactor, config)
    if not config.tls:
        return plain
    trust = None
    if config.ca_directory is not None:
        paths = sorted(config.ca_directory.iterdir())
        certificates = [
            certificate
            for path in paths
            if path.suffix in (".pem", ".crt")
            for certificate in _certificates(path)
        ]
        trust = trustRootFromCertificates(certificates)  # type: ignore[no-untyped-call]
    own, extra = None, {}
    if config.client_certificate is not None and config.private_key is not None:
        first, *chain = _certificates(config.client_certificate)
        own = PrivateCertificate.loadPEM(  # type: ignore[no-untyped-call]
            first.dumpPEM() + config.private_key.read_bytes()  # type: ignore[no-untyped-call]
        )
        extra = {"extraCertChain": [issuer.original for issuer in chain]} if chain else {}
    options = optionsForClientTLS(
        config.certificate_name or config.host,
        trustRoot=trust,
        clientCertificate=own,
        extraCertificateOptions=extra,
    )
    return wrapClientTLS(options, plain)


def _plain(reactor: Any, config: LinkConfig) -> IStreamClientEndpoint:
    """TCP. A literal address needs no resolver, nor the pauses between several addresses."""
    bind_address = (config.bind_address, 0) if config.bind_address else None
    timeout_s = seconds(config.connect_timeout_ns)
    kind: Any = HostnameEndpoint
    with suppress(ValueError):
        literal = ip_address(config.host)
        kind = TCP4ClientEndpoint if literal.version == 4 else TCP6ClientEndpoint
    endpoint: IStreamClientEndpoint = kind(
        reactor, config.host, config.port, timeout=timeout_s, bindAddress=bind_address
    )
    return endpoint


def _certificates(path: Path) -> list[Certificate]:
    """All the certificates of a file, in their order: it may be a bundle or a chain."""
    return [Certificate.loadPEM(pem + b"\n") for pem in _PEM.findall(path.read_bytes())]


@implementer(IStreamClientEndpoint)
class Watched:
    """An endpoint that tells of each attempt from which no connection came, and why."""

    def __init__(self, endpoint: IStreamClientEndpoint, failed: Callable[[Failure], None]) -> None:
        self._endpoint = endpoint
        self._failed = failed

    def connect(self, factory: IProtocolFactory) -> "Deferred[IProtocol]":
        """See `IStreamClientEndpoint.connect`."""
        return self._endpoint.connect(factory).addErrback(self._note)

    def _note(self, failure: Failure) -> Failure:
        if failure.check(*_STOPPED) is None:  # type: ignore[no-untyped-call]
            self._failed(failure)
        return failure


def why_not(failure: Failure) -> str:
    """In words, why no connection came about."""
    error = failure.value
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    if isinstance(error, DNSLookupError):
        return "the host name has no address"
    if isinstance(error, TimeoutError):
        return "no answer to the attempt to connect"
    if isinstance(error, ConnectError):
        return "cannot connect"
    return f"cannot connect: {type(error).__name__}"


def why_closed(reason: Failure) -> str:
    """A connection's end in words; a failed handshake shows only here."""
    error = reason.value
    if isinstance(error, SSL.Error):
        queue = error.args[0] if error.args else ()  # of a SysCallError a number
        parts = queue if isinstance(queue, list | tuple) else ()
        words = "; ".join(str(part[-1]) for part in parts if isinstance(part, tuple) and part)
        return f"TLS: {words or 'the connection broke off'}"
    if type(error).__name__ == "VerificationError":  # of service-identity, or Twisted without it
        return "TLS: the certificate is not for the name we expect"
    if isinstance(error, ConnectionDone):
        return "the carrier closed the connection"
    if isinstance(error, ConnectionLost):
        return "the connection was lost"
    return type(error).__name__
