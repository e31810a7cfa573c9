"""What a library that opens connections of its own may connect to, on real sockets."""

import contextlib
import itertools
import smtplib
import socket
import threading
from collections.abc import Iterator
from uuid import UUID

import pytest

from policies.channels import NotTaken, send
from policies.confining import Confinement
from policies.wording import Text
from tests.messages.receivers import Inbox, Mailbox, eventually

TEXT = Text(template="assigned.en", title="New", body="Bring the cable", params={})
ID = UUID(int=1)


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    with Inbox() as inbox:
        yield inbox


@pytest.fixture
def trickling() -> Iterator[int]:
    """The port of a peer who begins an answer of which he says a byte now and then, without end."""
    over = threading.Event()

    def trickle(listening: socket.socket) -> None:
        with contextlib.suppress(OSError):
            connection, _ = listening.accept()
            with connection:
                connection.sendall(b"HTTP/1.1 200 OK\r\n")
                for letter in itertools.cycle(b"X-Long: "):
                    if over.wait(0.05):
                        return
                    connection.sendall(bytes([letter]))

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=trickle, args=(listening,), daemon=True)
        thread.start()
        yield listening.getsockname()[1]
        over.set()
        listening.close()
        thread.join(5)


def test_a_message_to_this_machine_or_a_network_of_ones_own_is_not_sent_unless_that_is_allowed(inbox: Inbox) -> None:
    with Confinement(allow_private=False) as confinement, pytest.raises(NotTaken, match=r"messages\.allow_private"):
        send(inbox.channel(), TEXT, ID, None, confinement)
    assert inbox.requests == 0

    with Confinement(allow_private=True) as confinement:
        send(inbox.channel(), TEXT, ID, None, confinement)
    assert inbox.texts == ["Bring the cable"]


def test_whatever_the_name_of_the_host_is_the_address_counts(inbox: Inbox) -> None:
    for host in ("localhost", "127.1", "2130706433", "[::ffff:127.0.0.1]"):
        channel = inbox.channel().replace("127.0.0.1", host)
        with Confinement(allow_private=False) as confinement, contextlib.suppress(NotTaken):
            send(channel, TEXT, ID, None, confinement)
    assert inbox.requests == 0


def test_mail_is_confined_alike() -> None:
    with Mailbox() as mailbox, Confinement(allow_private=False) as confinement:
        with pytest.raises(NotTaken, match=r"messages\.allow_private"):
            send(mailbox.channel("li@example.com"), TEXT, ID, None, confinement)
        assert mailbox.got == []


def test_what_is_not_done_in_it_connects_as_ever(inbox: Inbox) -> None:
    _, _, port = inbox.channel().partition("127.0.0.1:")
    with Confinement(allow_private=False) as confinement:
        number = int(port.partition("/")[0])
        with pytest.raises(PermissionError):
            confinement.run(lambda: socket.create_connection(("127.0.0.1", number)))
        socket.create_connection(("127.0.0.1", number)).close()


def test_no_packet_is_sent_either_and_no_local_socket_is_reached() -> None:
    with (
        Confinement(allow_private=False) as confinement,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as packets,
        socket.socket(socket.AF_UNIX) as local,
    ):
        with pytest.raises(PermissionError):
            confinement.run(lambda: packets.sendto(b"x", ("127.0.0.1", 9)))
        with pytest.raises(PermissionError):
            confinement.run(lambda: packets.sendmsg([b"x"], [], 0, ("127.0.0.1", 9)))
        with pytest.raises(PermissionError):
            confinement.run(lambda: local.connect("/run/some.sock"))
        with pytest.raises(PermissionError):
            confinement.run(lambda: packets.connect(("localhost", 9)))
        assert confinement.was_refused


def test_who_waits_for_a_peer_that_trickles_is_free_once_it_has_ended(trickling: int) -> None:
    confinement = Confinement(allow_private=True)
    heard = bytearray()

    def ask() -> None:
        # What arrives just then resets the connection.
        with (
            contextlib.suppress(ConnectionError),
            socket.create_connection(("127.0.0.1", trickling), timeout=30) as connection,
        ):
            while said := connection.recv(1):
                heard.extend(said)

    asking = threading.Thread(target=lambda: confinement.run(ask), daemon=True)
    asking.start()
    eventually(lambda: b"X-Long" in heard)
    assert asking.is_alive()
    confinement.end()
    asking.join(30)
    assert not asking.is_alive()


def test_once_it_has_ended_nothing_connects(inbox: Inbox) -> None:
    confinement = Confinement(allow_private=True)
    confinement.end()
    _, _, port = inbox.channel().partition("127.0.0.1:")
    with pytest.raises(TimeoutError):
        confinement.run(lambda: smtplib.SMTP("127.0.0.1", int(port.partition("/")[0])))
