"""What is sent to other systems goes to public addresses only, unless that was allowed, and waits for nobody."""

import asyncio
import time
from collections.abc import Iterator

import pytest

from domain.errors import PrivateAddress, Undelivered
from policies.outbound import Outbound, is_public
from tests.policies.receiving import Receiver

pytestmark = pytest.mark.anyio

NOT_PUBLIC = [
    *("127.0.0.1", "127.8.8.8", "10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.255", "192.168.1.1"),
    *("169.254.169.254", "100.64.0.1", "100.127.255.255", "0.0.0.0", "0.1.2.3", "224.0.0.1", "239.255.255.250"),
    *("255.255.255.255", "240.0.0.1", "192.0.0.8", "192.0.0.170", "198.18.0.1", "192.0.2.1", "192.88.99.1"),
    *("::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "fe80::1", "fe80::1%eth0", "fec0::1"),
    *("fc00::1", "fd12:3456::1", "ff02::1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "2001::1"),
    *("2002:7f00:1::", "2002:c0a8:101::1", "2001:db8::1", "100::1", "5f00::1", "3fff::1"),
]
PUBLIC = ["93.184.216.34", "8.8.8.8", "100.63.255.255", "172.32.0.1", "2606:4700::1111", "64:ff9b::808:808"]
HOSTS = [
    *("127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "10.0.0.1", "172.16.0.1"),
    *("192.168.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "2130706433", "0177.0.0.1", "0x7f000001", "127.1"),
    *("[fe80::1]", "[fc00::1]", "[64:ff9b::7f00:1]", "0", "[::]"),
]
A_BODY = {"content-type": "application/json"}, b"{}"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A server on loopback that verifies nothing."""
    with Receiver(secrets=()) as receiver:
        yield receiver


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_an_address_of_a_machine_or_a_network_of_its_own_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_an_address_of_the_internet_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("host", HOSTS)
async def test_nothing_is_sent_to_a_host_without_a_public_address(host: str, receiver: Receiver) -> None:
    async with Outbound() as out:
        with pytest.raises(PrivateAddress):
            await out.post(f"http://{host}:{receiver.port}/", *A_BODY)
    assert receiver.connections == 0


async def test_a_name_that_resolves_to_private_addresses_is_no_way_in(receiver: Receiver) -> None:
    async def resolve(host: str) -> list[str]:
        assert host == "hooks.example"
        return ["127.0.0.1", "::1"]

    async with Outbound(resolve=resolve) as out:
        with pytest.raises(PrivateAddress):
            await out.post(f"http://hooks.example:{receiver.port}/", *A_BODY)
    assert receiver.connections == 0


async def test_the_connection_goes_to_the_address_that_was_looked_at(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("policies.outbound._KEPT_SECONDS", 30)
    asked: list[str] = []

    async def resolve(host: str) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"]

    # The machine itself does not know such a name.
    async with Outbound(allow_private=True, resolve=resolve) as out:
        assert await out.post(f"http://hooks.invalid:{receiver.port}/a?b=c", *A_BODY) == 204
        assert await out.post(f"http://hooks.invalid:{receiver.port}/", *A_BODY) == 204
    assert (asked, receiver.connections) == (["hooks.invalid"], 1)
    assert receiver.asked[0].path == "/a?b=c"
    assert receiver.asked[0].headers["host"] == f"hooks.invalid:{receiver.port}"


async def test_of_several_addresses_one_that_answers_is_enough(receiver: Receiver) -> None:
    async def resolve(_: str) -> list[str]:
        return ["127.0.0.2", "127.0.0.1"]  # the server listens on the latter

    async with Outbound(allow_private=True, resolve=resolve) as out:
        assert await out.post(f"http://hooks.invalid:{receiver.port}/", *A_BODY) == 204


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433"])
async def test_where_private_addresses_are_allowed_loopback_is_reached(host: str, receiver: Receiver) -> None:
    async with Outbound(allow_private=True) as out:
        assert await out.post(f"http://{host}:{receiver.port}/", *A_BODY) == 204


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(status: int, receiver: Receiver) -> None:
    with Receiver(secrets=()) as other:
        receiver.answer, receiver.location = status, other.url
        async with Outbound(allow_private=True) as out:
            assert await out.post(receiver.url, *A_BODY) == status
        assert other.connections == 0


async def test_no_proxy_of_the_environment_is_used(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    with Receiver(secrets=()) as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        async with Outbound(allow_private=True) as out:
            assert await out.post(receiver.url, *A_BODY) == 204
        assert proxy.connections == 0


async def test_who_does_not_answer_is_not_waited_for(receiver: Receiver) -> None:
    receiver.answer = hanging
    async with Outbound(allow_private=True, within=0.2) as out:
        with pytest.raises(Undelivered, match=r"no answer within 0.2 s"):
            await out.post(receiver.url, *A_BODY)


def hanging(_: object) -> int:
    time.sleep(1)
    return 204


@pytest.mark.parametrize(
    ("said", "outcome"),
    [
        (b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\nab", 200),  # and nothing more
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + b"1000\r\n" + b"x" * 4096 + b"\r\n", 200),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", None),
        (b"", None),
    ],
)
async def test_the_status_counts_and_the_rest_of_an_answer_does_not_matter(said: bytes, outcome: int | None) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n{}")
        writer.write(said)
        await writer.drain()
        if outcome is not None:
            await reader.read()  # until the other side has enough
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    async with Outbound(allow_private=True, within=30) as out:
        if outcome is not None:
            assert await out.post(url, *A_BODY) == outcome
        else:
            with pytest.raises(Undelivered):
                await out.post(url, *A_BODY)
    server.close()
    await server.wait_closed()


async def test_a_host_that_is_not_there_is_told_as_such() -> None:
    async with Outbound(within=60) as out:
        for host in ("nowhere.invalid", "a" * 64 + ".example"):
            with pytest.raises(Undelivered, match="cannot be resolved"):
                await out.post(f"http://{host}/", *A_BODY)
    async with Outbound(allow_private=True) as out:
        with pytest.raises(Undelivered, match="no answer"):
            await out.post("http://127.0.0.1:1/", *A_BODY)
