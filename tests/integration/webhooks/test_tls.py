"""TLS is checked against the name in the URL, though the connection is made by number."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from app.container import SystemClock
from app.infrastructure.webhooks.guard import Guard
from app.infrastructure.webhooks.poster import Poster
from app.infrastructure.webhooks.transport import PinnedTransport
from tests.support.receiver import answer

NAME = "shop.example.com"


async def here(_: str, __: int) -> Sequence[str]:
    return ["127.0.0.1"]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Key and self-signed certificate of NAME, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "certificate.pem"
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(secret + made.public_bytes(Encoding.PEM))
    return file


@dataclass
class Listener:
    """`names` are those clients asked for (RFC 6066 section 3), `got` what they sent once TLS stood."""

    port: int
    names: list[str | None] = field(default_factory=list)
    got: list[bytes] = field(default_factory=list)


@contextmanager
def over_tls(certificate: Path) -> Generator[Listener]:
    """In a thread: there a handshake that fails is closed at once."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with socket.create_server(("127.0.0.1", 0)) as server:
        listener = Listener(server.getsockname()[1])
        context.sni_callback = lambda _, name, __: listener.names.append(name)
        thread = threading.Thread(target=_serve, args=(server, context, listener))
        thread.start()
        try:
            yield listener
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


def _serve(server: socket.socket, context: ssl.SSLContext, listener: Listener) -> None:
    while True:
        try:
            plain, _ = server.accept()
        except OSError:
            return
        with plain, suppress(OSError), context.wrap_socket(plain, server_side=True) as connection:
            if said := connection.recv(65_536):
                listener.got.append(said)
                connection.sendall(answer(204, Connection="close"))


async def post(url: str, trusted: Path | None) -> str | None:
    guard = Guard(here, allow_private=True, allow_http=False)
    context = ssl.create_default_context(cafile=trusted) if trusted else None
    sender = Poster(guard, PinnedTransport(guard, context), SystemClock(), timeout_seconds=5)
    try:
        return (await sender.post(url, {}, b"{}")).error
    finally:
        await sender.close()


async def test_the_name_in_the_url_is_what_tls_asks_for_and_checks(certificate: Path) -> None:
    with over_tls(certificate) as listener:
        assert await post(f"https://{NAME}:{listener.port}/", certificate) is None
        assert await post(f"https://other.example.com:{listener.port}/", certificate) == "tls_failed"

    assert listener.names == [NAME, "other.example.com"]
    assert len(listener.got) == 1


async def test_a_certificate_nobody_vouches_for_is_refused(certificate: Path) -> None:
    with over_tls(certificate) as listener:
        assert await post(f"https://{NAME}:{listener.port}/", None) == "tls_failed"

    assert listener.got == []
