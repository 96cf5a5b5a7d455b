"""How a link is reached: TCP or TLS from the fields of its configuration, never from a string."""

from typing import Any

from OpenSSL import SSL
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.ssl import (
    PrivateCertificate,
    optionsForClientTLS,
    trustRootFromCertificates,
)
from twisted.internet.ssl import Certificate
from twisted.python.failure import Failure

from smpp_server.backoff import seconds
from smpp_server.config_records import LinkConfig


def endpoint_for(reactor: Any, config: LinkConfig) -> IStreamClientEndpoint:
    """The client endpoint of a link. With TLS the certificate name may differ from the host."""
    bind_address = (config.bind_address, 0) if config.bind_address else None
    plain: IStreamClientEndpoint = HostnameEndpoint(
        reactor,
        config.host,
        config.port,
        timeout=seconds(config.connect_timeout_ns),
        bindAddress=bind_address,
    )
    if not config.tls:
        return plain
    trust = None
    if config.ca_directory is not None:
        certificates = [
            Certificate.loadPEM(path.read_bytes())
            for path in sorted(config.ca_directory.iterdir())
            if path.suffix in (".pem", ".crt")
        ]
        trust = trustRootFromCertificates(certificates)  # type: ignore[no-untyped-call]
    own = None
    if config.client_certificate is not None and config.private_key is not None:
        own = PrivateCertificate.loadPEM(  # type: ignore[no-untyped-call]
            config.client_certificate.read_bytes() + b"\n" + config.private_key.read_bytes()
        )
    options = optionsForClientTLS(
        config.certificate_name or config.host, trustRoot=trust, clientCertificate=own
    )
    return wrapClientTLS(options, plain)


def why_closed(reason: Failure) -> str:
    """A connection's end in words; a failed handshake shows only here."""
    error = reason.value
    if isinstance(error, SSL.Error):
        words = "; ".join(str(part[-1]) for part in (error.args[0] if error.args else ()))
        return f"TLS: {words or 'handshake failed'}"
    if isinstance(error, ConnectionDone):
        return "the carrier closed the connection"
    if isinstance(error, ConnectionLost):
        return "the connection was lost"
    return type(error).__name__
