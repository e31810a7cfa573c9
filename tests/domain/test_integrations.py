"""Which addresses are told of what, and what of it is refused when the configuration is read."""

from collections.abc import Mapping

import pytest

from domain.catalogue import parse_catalogue
from domain.errors import ConfigurationError
from domain.integrations import Webhook, check_webhooks

SECRET = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz"
OTHER = "whsec_YWJjZGVmZ2hpamFiY2RlZmdoaWphYmNkZWZnaGlq"
LONGEST = "whsec_" + "A" * 85 + "Q"
"""64 bytes, without the = that base64 may end with."""
URL = "https://oms.example/hooks"

TOLD = [
    *("CommitmentMade", "CommitmentAmended", "CommitmentWithdrawn", "CommitmentKept", "CommitmentReopened"),
    *("CommitmentBroken", "CommitmentEscalated", "EscalationTaken", "FulfilmentAttempted", "HandoffAssigned"),
    *("HandoffReleased", "HandoffSent", "HandoffFailed", "HandoffDelivered", "HandoffSeen", "HandoffAcknowledged"),
    *("HandoffHeld", "HandoffDeclined", "ReceiptMissed", "CustomerContacted", "CustomerInformed", "OrderAssigned"),
    *("OrderUnassigned", "CustomerErased", "CommitmentErased", "OrderErased", "CustomerHeld", "CustomerReleased"),
]
"""The types of the history (contract, section 5)."""


def webhook(**changes: object) -> str:
    """A table of the configuration; what is None is left out."""
    told: Mapping[str, object] = {"url": URL, "secret": SECRET, **changes}
    lines = [
        f"{name} = {str(value).lower() if isinstance(value, bool) else repr(value)}" for name, value in told.items()
    ]
    return "\n".join(["[[webhooks]]", *lines])


def test_a_webhook_is_told_of_everything_unless_it_says_of_what() -> None:
    (every, some) = parse_catalogue(
        "\n".join([webhook(), webhook(url="http://crm.example:8080/?key=1", events=["CommitmentBroken"])])
    ).webhooks

    assert all(every.wants(type) for type in TOLD)
    assert [type for type in TOLD if some.wants(type)] == ["CommitmentBroken"]
    assert (every.allow_private, every.secrets) == (False, (SECRET,))


def test_every_type_of_the_history_can_be_asked_for() -> None:
    (asked,) = parse_catalogue(webhook(events=TOLD)).webhooks
    assert asked.types == tuple(TOLD)


def test_while_a_secret_is_replaced_there_are_two() -> None:
    (both,) = parse_catalogue(webhook(secret=[SECRET, LONGEST])).webhooks
    assert both.secrets == (SECRET, LONGEST)


def test_what_is_shown_of_a_webhook_is_no_secret() -> None:
    shown = Webhook(url="https://oms.example:8443/T0/its-secret?token=1", secret=SECRET)

    assert (repr(shown), shown.name.startswith("oms.example:8443 ")) == (f"Webhook({shown.name})", True)
    assert "secret" not in repr(shown)
    assert shown.name != Webhook(url="https://oms.example:8443/T1/another", secret=SECRET).name


@pytest.mark.parametrize(
    "url",
    [
        *(
            "",
            "oms.example",
            "//oms.example/",
            "ftp://oms.example/",
            "file:///etc/passwd",
            "https://",
            "https:///hooks",
        ),
        *("https://oms.example:0/", "https://oms.example:65536/", "https://oms.example:x/", "https://[::1/hooks"),
        *(
            "https://oms.example/a b",
            "https://oms.example/\n",
            "https://oms.example/#there",
            "https://магазин.example/",
        ),
        "https://oms.example\\@intern.example/",
    ],
)
def test_what_is_no_address_of_the_web_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^webhooks\[0\]\.url: is not an http or https address"):
        check_webhooks([Webhook(url=url, secret=SECRET)])


def test_a_password_in_an_address_is_refused_and_not_shown() -> None:
    for url in ("https://upheld:hush@oms.example/", "https://hush@oms.example/"):
        with pytest.raises(ConfigurationError, match=r"^webhooks\[0\]\.url: holds a user or a password") as refused:
            parse_catalogue(webhook(url=url))
        assert "hush" not in str(refused.value)


def test_no_address_is_configured_twice() -> None:
    with pytest.raises(ConfigurationError, match=r"^webhooks\[1\]\.url: is the address of another webhook"):
        parse_catalogue("\n".join([webhook(), webhook(secret=OTHER)]))


@pytest.mark.parametrize(
    ("secret", "key"),
    [
        ("", "secret"),
        ("whsec_", "secret"),
        (SECRET.removeprefix("whsec_"), "secret"),
        ("whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI", "secret"),  # 23 bytes
        (LONGEST[:-1] + "QQ", "secret"),
        ("whsec_ÄÄÄÄMzQ1Njc4OTAxMjM0NTY3ODkwMTIz", "secret"),
        ("whsec_!DEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz", "secret"),
        ([], "secret"),
        ([SECRET, OTHER, SECRET], "secret"),
        ([SECRET, "whsec_hush"], "secret[1]"),
    ],
)
def test_what_is_no_secret_is_refused_and_not_shown(secret: object, key: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        parse_catalogue(webhook(secret=secret))
    assert str(refused.value).startswith(f"webhooks[0].{key}: is ")
    assert "hush" not in str(refused.value)


@pytest.mark.parametrize(
    ("events", "line"),
    [
        ([], "webhooks[0].events: names at least one"),
        (
            ["CommitmentBroken", "CommitmentLost"],
            "webhooks[0].events[1]: 'CommitmentLost' is no type of event; there are",
        ),
        (["commitmentbroken"], "webhooks[0].events[0]: 'commitmentbroken' is no type"),
        ("*", "webhooks[0].events: expected 'array'"),
    ],
)
def test_what_is_no_type_of_event_is_refused(events: object, line: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        parse_catalogue(webhook(events=events))
    assert str(refused.value).startswith(line)
    assert "\n" not in str(refused.value)
