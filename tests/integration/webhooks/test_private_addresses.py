"""A listener on this machine that must never be reached: by address, name, redirect or rebinding."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence

import pytest

from app.application.webhooks.ports import WebhookUrlRefused
from app.container import SystemClock
from app.infrastructure.webhooks.guard import AddressRefused, Guard, Resolver
from app.infrastructure.webhooks.poster import Poster
from app.infrastructure.webhooks.transport import PinnedTransport
from tests.support.receiver import Received, Receiver, answer, receiving
from tests.support.system import Organizer, System
from tests.support.webhooks import an_event, hooking

PUBLIC = "93.184.215.14"


class Answers:
    """A name server that answers in turn, the last answer for ever."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        answer = self.answers[min(self.asked, len(self.answers) - 1)]
        self.asked += 1
        return answer


@pytest.fixture
async def listener() -> AsyncGenerator[Receiver]:
    async with receiving() as receiver:
        yield receiver


def poster(resolve: object, *, allow_private: bool = False) -> Poster:
    guard = Guard(resolve, allow_private=allow_private, allow_http=True)  # type: ignore[arg-type]
    return Poster(guard, PinnedTransport(guard), SystemClock(), timeout_seconds=5)


async def error_of(sender: Poster, url: str) -> str | None:
    try:
        return (await sender.post(url, {}, b"{}")).error
    finally:
        await sender.close()


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "[::1]", "2130706433", "0x7f.1", "127.1", "[::ffff:127.0.0.1]", "0.0.0.0", "[::]"],
)
async def test_no_spelling_of_this_machine_is_reached(listener: Receiver, host: str) -> None:
    error = await error_of(poster(Resolver()), f"http://{host}:{listener.port}/")

    assert error in {"address_refused", "host_not_found", "url_refused"}
    assert listener.connections == 0


async def test_twin_with_private_addresses_allowed_the_listener_is_reached(listener: Receiver) -> None:
    assert await error_of(poster(Resolver(), allow_private=True), f"http://localhost:{listener.port}/") is None
    assert listener.connections == 1


async def test_a_name_that_leads_here_is_refused(listener: Receiver) -> None:
    sender = poster(Answers(["127.0.0.1"]))
    assert await error_of(sender, f"http://shop.example.com:{listener.port}/") == "address_refused"
    assert listener.connections == 0


@pytest.mark.parametrize("answers", [[PUBLIC, "127.0.0.1"], ["127.0.0.1", PUBLIC], [PUBLIC, "::1"]])
async def test_one_private_address_among_others_is_enough(listener: Receiver, answers: list[str]) -> None:
    assert await error_of(poster(Answers(answers)), f"http://shop.example.com:{listener.port}/") == "address_refused"
    assert listener.connections == 0


async def test_a_host_without_addresses_is_refused() -> None:
    assert await error_of(poster(Answers([])), "http://shop.example.com/") == "address_refused"


async def test_a_name_that_was_public_when_it_was_registered_is_judged_again(
    system: System, organizer: Organizer, listener: Receiver
) -> None:
    name_server = Answers([PUBLIC], ["127.0.0.1"])
    async with hooking(system, resolve=name_server, allow_private=False) as hooks:
        url = f"http://rebind.example.com:{listener.port}/"
        await Guard(name_server, allow_private=False, allow_http=True).check(url)
        await hooks.create(organizer.tenant_id, url)
        await hooks.publish(an_event(organizer.tenant_id))
        await hooks.turn(organizer.tenant_id)

        assert await hooks.log(organizer.tenant_id) == [(None, "address_refused")]
    assert listener.connections == 0


async def test_what_is_connected_to_is_the_address_that_was_judged(
    listener: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name server says public once, then this machine: the one look-up that is judged is the one that is used."""
    name_server = Answers([PUBLIC], ["127.0.0.1"])
    guard = Guard(name_server, allow_private=False, allow_http=True)
    transport = PinnedTransport(guard)
    connected: list[str] = []

    async def connect(host: str, *_: object) -> None:
        connected.append(host)
        raise OSError("nobody leaves this machine in a test")

    monkeypatch.setattr(transport._pool._network_backend._inner, "connect_tcp", connect)  # type: ignore[attr-defined]
    sender = Poster(guard, transport, SystemClock(), timeout_seconds=5)

    await error_of(sender, f"http://rebind.example.com:{listener.port}/")

    assert (connected, name_server.asked, listener.connections) == ([PUBLIC], 1, 0)


async def test_the_name_stays_in_the_host_header(listener: Receiver) -> None:
    sender = poster(Answers(["127.0.0.1"]), allow_private=True)
    assert await error_of(sender, f"http://shop.example.com:{listener.port}/a?b=c") is None
    (got,) = listener.got
    assert (got.headers["host"], got.target) == (f"shop.example.com:{listener.port}", "/a?b=c")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_a_failure_and_is_not_followed(listener: Receiver, status: int) -> None:
    def redirect(_: Received) -> bytes:
        return answer(status, Location=listener.url)

    async with receiving(redirect) as redirecting:
        sender = poster(Resolver(), allow_private=True)  # even where the target would be allowed
        said = await sender.post(redirecting.url, {}, b"{}")
        await sender.close()

    assert (said.status_code, said.error, said.succeeded) == (status, "redirect_not_followed", False)
    assert len(redirecting.got) == 1
    assert listener.connections == 0


async def test_proxies_of_the_environment_are_not_asked(listener: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    async with receiving() as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "HTTPS_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        assert await error_of(poster(Resolver(), allow_private=True), listener.url) is None
    assert (listener.connections, proxy.connections) == (1, 0)


async def test_a_private_address_is_refused_when_it_is_registered(
    system: System, organizer: Organizer, listener: Receiver
) -> None:
    for host in ("127.0.0.1", "localhost", "169.254.169.254", "10.0.0.1", "[fd00::1]"):
        body = {"url": f"https://{host}:{listener.port}/", "events": ["*"]}
        refused = await system.client.post("/api/v1/webhooks", json=body, headers=organizer.owner.headers)
        assert (refused.status_code, refused.json()["code"]) == (422, "webhook_url_refused")
        assert refused.json()["errors"][0]["pointer"] == "/url"
    assert listener.connections == 0


async def test_the_second_of_two_addresses_is_tried_when_the_first_is_dead(listener: Receiver) -> None:
    sender = poster(Answers(["::1", "127.0.0.1"]), allow_private=True)  # the listener has no IPv6
    assert await error_of(sender, f"http://shop.example.com:{listener.port}/") is None


async def test_a_name_server_that_does_not_answer_is_asked_once_for_one_host(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    gate = asyncio.Event()
    loop = asyncio.get_running_loop()

    def look_up(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        asyncio.run_coroutine_threadsafe(gate.wait(), loop).result(10)
        return [PUBLIC]

    monkeypatch.setattr("app.infrastructure.webhooks.guard._look_up", look_up)
    resolver = Resolver()
    waiting = [asyncio.create_task(resolver("slow.example.com", 443)) for _ in range(20)]
    impatient = asyncio.create_task(resolver("slow.example.com", 443))
    await asyncio.sleep(0)
    impatient.cancel()
    gate.set()

    assert await asyncio.gather(*waiting) == [[PUBLIC]] * 20
    assert asked == ["slow.example.com"]
    assert await resolver("slow.example.com", 443) == [PUBLIC]
    assert len(asked) == 2
    resolver.close()


async def test_a_host_that_is_not_found_is_no_reason_to_raise() -> None:
    async def nobody_knows(*_: object) -> Sequence[str]:
        raise OSError

    assert await error_of(poster(nobody_knows), "http://nowhere.example.com/") == "host_not_found"
    with pytest.raises(WebhookUrlRefused):
        await Guard(nobody_knows, allow_private=False, allow_http=False).check("https://nowhere.example.com/")


async def test_a_name_that_is_no_name_is_refused() -> None:
    async def label_too_long(*_: object) -> Sequence[str]:
        raise UnicodeError

    guard = Guard(label_too_long, allow_private=False, allow_http=False)
    with pytest.raises(AddressRefused):
        await guard.addresses("x" * 70 + ".example.com", 443)


@pytest.mark.parametrize(
    ("said", "error"),
    [(b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "no_http"), (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort", "timeout")],
)
async def test_what_is_no_answer_is_named(said: bytes, error: str) -> None:
    async with receiving(lambda _: said) as receiver:
        guard = Guard(Resolver(), allow_private=True, allow_http=True)
        sender = Poster(guard, PinnedTransport(guard), SystemClock(), timeout_seconds=0.3)
        assert await error_of(sender, receiver.url) == error


async def test_where_nobody_listens_the_connection_failed() -> None:
    async with receiving() as gone:
        url = gone.url
    assert await error_of(poster(Resolver(), allow_private=True), url) == "connection_failed"
