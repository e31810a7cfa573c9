"""What may be promised, and how a file says so."""

from datetime import date, timedelta
from pathlib import Path

import pytest

from domain.catalogue import MADE_BY, Kind, load_catalogue, parse_catalogue
from domain.durations import Age, Within
from domain.errors import ConfigurationError, Invalid

THREE_DAYS = Within(3, "working_days")
AN_HOUR = timedelta(hours=1)
HALF_A_DAY = timedelta(hours=12)
FINANCE = {"finance": "team:finance"}
_OIDC = "[oidc]\nissuer = '{}'\nclient_id = 'upheld'\nclient_secret = 's'\n{}"


@pytest.mark.parametrize(
    ("name", "path", "receipt", "recipients", "due_within", "receipt_within", "assign_before"),
    [
        ("delivery", ("courier",), "none", {}, None, AN_HOUR, None),
        ("redelivery", ("courier",), "acknowledged", {}, None, AN_HOUR, HALF_A_DAY),
        (
            "free_item",
            ("warehouse", "courier"),
            "held",
            {"warehouse": "team:warehouse"},
            THREE_DAYS,
            AN_HOUR,
            HALF_A_DAY,
        ),
        ("repair", ("technician",), "acknowledged", {}, THREE_DAYS, Within(4, "working_hours"), timedelta(days=1)),
        ("refund", ("finance",), "acknowledged", FINANCE, THREE_DAYS, Within(4, "working_hours"), None),
        ("compensation", ("finance",), "acknowledged", FINANCE, THREE_DAYS, Within(4, "working_hours"), None),
        ("price_adjustment", ("finance",), "acknowledged", FINANCE, THREE_DAYS, Within(4, "working_hours"), None),
        (
            "invoice",
            ("finance",),
            "acknowledged",
            FINANCE,
            Within(1, "working_days"),
            Within(2, "working_hours"),
            None,
        ),
        ("callback", ("agent",), "acknowledged", {"agent": MADE_BY}, None, timedelta(minutes=15), None),
        ("answer", ("agent",), "acknowledged", {"agent": MADE_BY}, None, timedelta(minutes=15), None),
    ],
)
def test_each_built_in_kind_is_as_promised(
    name: str,
    path: tuple[str, ...],
    receipt: str,
    recipients: dict[str, str],
    due_within: Within | None,
    receipt_within: Within | timedelta,
    assign_before: timedelta | None,
) -> None:
    kind = parse_catalogue("").kind(name)
    assert (kind.path, kind.receipt, kind.recipients) == (path, receipt, recipients)
    assert (kind.due_within, kind.receipt_within, kind.assign_before) == (due_within, receipt_within, assign_before)
    assert (kind.receipt_lead, kind.remind_before_due) == (timedelta(minutes=30), AN_HOUR)
    assert kind.escalate_after == (timedelta(minutes=15), AN_HOUR, timedelta(hours=4))
    assert (kind.escalate_on_postponements, kind.escalate_on_contacts) == (2, 3)


def test_there_are_no_other_kinds() -> None:
    assert len(parse_catalogue("").kinds) == 10
    with pytest.raises(Invalid, match="free_item") as refused:
        parse_catalogue("").kind("gift")
    assert refused.value.rejections[0].pointer == "/kind"


def test_a_built_in_kind_is_changed_key_by_key() -> None:
    before = parse_catalogue("").kind("free_item")
    after = parse_catalogue('[kinds.free_item]\nreceipt_within = { amount = 2, unit = "working_hours" }').kind(
        "free_item"
    )
    assert after.receipt_within == Within(2, "working_hours")
    assert (after.path, after.receipt, after.due_within) == (before.path, before.receipt, before.due_within)


def test_what_a_built_in_kind_has_can_be_taken_away() -> None:
    text = (
        '[kinds.repair]\ndue_within = "none"\nassign_before = "none"\nremind_before_due = "none"\nescalate_after = []'
    )
    repair = parse_catalogue(text).kind("repair")
    assert (repair.due_within, repair.assign_before, repair.remind_before_due, repair.escalate_after) == (
        None,
        None,
        None,
        (),
    )


def test_a_new_kind_says_its_path_and_has_the_usual_rest() -> None:
    catalogue = parse_catalogue('[roles.florist]\n[kinds.flowers]\npath = ["florist", "courier"]')
    assert catalogue.kind("flowers") == Kind(
        name="flowers",
        path=("florist", "courier"),
        receipt="acknowledged",
        recipients={},
        due_within=None,
        receipt_within=AN_HOUR,
        receipt_lead=timedelta(minutes=30),
        assign_before=None,
        remind_before_due=AN_HOUR,
        escalate_after=(timedelta(minutes=15), AN_HOUR, timedelta(hours=4)),
        escalation_pause=AN_HOUR,
        escalate_on_postponements=2,
        escalate_on_contacts=3,
        inform_customer=frozenset({"moved", "kept", "broken"}),
    )
    assert "florist" in catalogue.roles


def test_the_example_of_the_documentation_is_legal() -> None:
    catalogue = parse_catalogue(EXAMPLE)
    assert (catalogue.default_time_zone, catalogue.default_calendar) == ("Asia/Shanghai", "CN")
    assert catalogue.kind("free_item") == parse_catalogue("").kind("free_item")
    china = catalogue.calendar("CN")
    assert not china.is_working_day(date(2027, 2, 8))
    assert china.is_working_day(date(2027, 2, 6))
    assert (catalogue.person_scorecards, catalogue.evidence_photos) == (False, True)
    assert catalogue.retention == Age(24, timedelta())
    assert [len(hook.secrets) for hook in catalogue.webhooks] == [1, 2]
    assert (catalogue.push.subject, catalogue.push.allow_private) == ("mailto:ops@example.com", False)
    assert catalogue.oidc is not None
    assert catalogue.oidc.issuer == "https://login.example"
    assert catalogue.hooks["helpdesk"].actor == "system:helpdesk"


def test_without_a_file_promises_count_in_utc_by_office_hours() -> None:
    catalogue = load_catalogue(None)
    assert (catalogue.default_time_zone, catalogue.default_calendar) == ("UTC", "default")
    assert catalogue.calendar("default").is_working_day(date(2026, 12, 25))
    assert not catalogue.calendar("default").is_working_day(date(2026, 12, 26))
    assert (catalogue.person_scorecards, catalogue.evidence_photos) == (True, False)


def test_a_calendar_named_after_a_country_has_its_holidays() -> None:
    catalogue = parse_catalogue('[calendars.GB-SCT]\nworking_hours = "24/7"\n[calendars.shop]\nworking_hours = "Sa"')
    assert catalogue.calendar("GB-SCT").config.holidays == "GB-SCT"
    assert catalogue.calendar("shop").config.holidays == "none"


def test_a_calendar_with_a_country_has_the_hours_of_its_week() -> None:
    catalogue = parse_catalogue('[calendars.tel_aviv]\nholidays = "IL"')
    assert catalogue.calendar("tel_aviv").is_working_day(date(2026, 11, 22))  # a Sunday


def test_a_calendar_is_compiled_once() -> None:
    assert parse_catalogue("").calendar("BG") is parse_catalogue("").calendar("BG")


@pytest.mark.parametrize("name", ["", "nowhere", "GB-XXX", "none", "../BG"])
def test_an_unknown_calendar_is_refused_with_its_pointer(name: str) -> None:
    with pytest.raises(Invalid) as refused:
        parse_catalogue("").calendar(name, "/due/calendar")
    assert refused.value.rejections[0].pointer == "/due/calendar"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("colour = 1", "colour: is not a key of the configuration"),
        ('"a\\nb" = 1', "a b: is not a key of the configuration"),
        ("kinds = 3", "kinds: expected a table, got 'int'"),
        ("[defaults]\nzone = 'UTC'", "defaults.zone: is not a key of the defaults"),
        ("[defaults]\ntime_zone = 'Sofia'", "defaults.time_zone: is not the IANA name"),
        ("[defaults]\ntime_zone = 3", "defaults.time_zone: expected 'str', got 'int'"),
        ("[defaults]\ncalendar = 'XX'", "defaults.calendar: is no configured calendar"),
        ("[roles.Florist]", "roles.Florist: is not a name"),
        ("[roles.florist]\ncolour = 1", "roles.florist.colour: is not a key of a role"),
        ("kinds.free_item.recieve = 'held'", "kinds.free_item.recieve: is not a key of a kind"),
        ("kinds.free_item = 3", "kinds.free_item: expected a table, got 'int'"),
        ("[kinds.flowers]\nreceipt = 'held'", "kinds.flowers.path: is missing"),
        ("[kinds.'free item']\npath = ['courier']", "kinds.free item: is not a name"),
        ("kinds.free_item.path = 'courier'", "kinds.free_item.path: expected 'array', got 'str'"),
        ("kinds.free_item.path = []", "kinds.free_item.path: names at least one role"),
        ("kinds.free_item.path = ['courier', 'courier']", "kinds.free_item.path: names at least one role"),
        ("kinds.free_item.path = ['florist']", "kinds.free_item.path[0]: 'florist' is no role"),
        ("kinds.free_item.path = [1]", "kinds.free_item.path[0]: expected 'str', got 'int'"),
        ("kinds.free_item.receipt = 'Seen'", "kinds.free_item.receipt: invalid enum value 'Seen'"),
        ("kinds.repair.recipients.florist = 'team:x'", "kinds.repair.recipients.florist: is no role"),
        ("kinds.repair.recipients.technician = 'hu'", "kinds.repair.recipients.technician: 'hu' is not ROLE:ID"),
        ("kinds.repair.recipients.technician = 'x:hu'", "kinds.repair.recipients.technician: 'x:hu' is not ROLE:ID"),
        ("kinds.repair.recipients.technician = 1", "kinds.repair.recipients.technician: expected 'str', got 'int'"),
        ("kinds.repair.due_within = 'P3D'", "kinds.repair.due_within: is not of the form"),
        ("kinds.repair.due_within = { amount = 3 }", "kinds.repair.due_within.unit: is missing"),
        (
            "kinds.repair.due_within = { amount = 0, unit = 'days' }",
            "kinds.repair.due_within.amount: is not a whole number",
        ),
        (
            "kinds.repair.due_within = { amount = 1, unit = 'weeks' }",
            "kinds.repair.due_within.unit: invalid enum value 'weeks'",
        ),
        (
            "kinds.repair.due_within = { amount = 1, unit = 'days', colour = 1 }",
            "kinds.repair.due_within.colour: is not a key",
        ),
        ("kinds.repair.receipt_within = '60'", "kinds.repair.receipt_within: '60' is not an ISO 8601 duration"),
        ("kinds.repair.receipt_within = 60", "kinds.repair.receipt_within: expected"),
        ("kinds.repair.receipt_lead = 'P1M'", "kinds.repair.receipt_lead: 'P1M' is not an ISO 8601 duration"),
        ("kinds.repair.receipt_lead = 'none'", "kinds.repair.receipt_lead: 'none' is not an ISO 8601 duration"),
        ("kinds.repair.assign_before = ''", "kinds.repair.assign_before: '' is not an ISO 8601 duration"),
        ("kinds.repair.remind_before_due = 'x'", "kinds.repair.remind_before_due: 'x' is not an ISO 8601 duration"),
        ("kinds.repair.escalate_after = ['x']", "kinds.repair.escalate_after[0]: 'x' is not an ISO 8601 duration"),
        ("kinds.repair.escalate_after = ['PT2H', 'PT1H']", "kinds.repair.escalate_after: has at most three steps"),
        ("kinds.repair.escalate_on_postponements = 0", "kinds.repair.escalate_on_postponements: is not a whole"),
        ("kinds.repair.escalate_on_contacts = '3'", "kinds.repair.escalate_on_contacts: expected 'int', got 'str'"),
        ("calendars.CN.hours = '24/7'", "calendars.CN.hours: is not a key of a calendar"),
        ("calendars.CN.working_hours = 'nine'", "calendars.CN.working_hours: 'nine' cannot be read as opening hours"),
        ("calendars.CN.working_hours = ''", "calendars.CN.working_hours: '' cannot be read as opening hours"),
        ("calendars.office.holidays = 'XX'", "calendars.office.holidays: 'XX' is no country"),
        ("calendars.office.holidays = ''", "calendars.office.holidays: '' is no country"),
        ("calendars.CN.extra_holidays = ['2026-02-30']", "calendars.CN.extra_holidays[0]: invalid"),
        ("calendars.CN.extra_working_days = '2026-02-03'", "calendars.CN.extra_working_days: expected 'array'"),
        ("webhooks = 3", "webhooks: expected 'array', got 'int'"),
        ("[[webhooks]]\nsecret = 'whsec_a'", "webhooks[0].url: is missing"),
        ("[[webhooks]]\nurl = 'x'\nsecret = 'y'\nevent = 'z'", "webhooks[0].event: is not a key of a webhook"),
        ("hooks.helpdesk = 3", "hooks.helpdesk: expected a table, got 'int'"),
        ("privacy.person_scorecard = false", "privacy.person_scorecard: is not a key of the privacy"),
        ("privacy.person_scorecards = 'no'", "privacy.person_scorecards: expected 'bool', got 'str'"),
        ("retention.after = 'P2Y'", "retention.after: is not a key of the retention"),
        ("oidc.issuer = 'https://login.example'", "oidc.client_id: is missing"),
        (_OIDC.format("http://login.example", ""), "oidc.issuer: is no https address"),
        (_OIDC.format("https://login.example?x=1", ""), "oidc.issuer: is no https address"),
        (_OIDC.format("https://вход.example", ""), "oidc.issuer: is no https address"),
        (_OIDC.format("https://login.example;script-src", ""), "oidc.issuer: is no https address"),
        (_OIDC.format("https://login.example:0", ""), "oidc.issuer: is no https address"),
        (_OIDC.format("https://login.example", "scopes = ['profile']"), 'oidc.scopes: lacks "openid"'),
        (_OIDC.format("https://login.example", "role_map.a = 'system'"), "oidc.role_map.a: 'system' is no role that a"),
        (_OIDC.format("https://login.example", "role_map.a = 'pilot'"), "oidc.role_map.a: 'pilot' is no role that a"),
        (_OIDC.format("https://login.example", "role_claim = ''"), "oidc.role_claim: is empty"),
        ("evidence.photo = true", "evidence.photo: is not a key of the evidence"),
        ("push.subject = 'ops@example.com'", "push.subject: is not an address, as in mailto:ops@example.com"),
        ("push.subject = 'mailto:'", "push.subject: is not an address"),
        ("push.subject = 3", "push.subject: expected 'str | null', got 'int'"),
        ("push.topic = 'tasks'", "push.topic: is not a key of the push messages"),
        ("[kinds", "the configuration: is not TOML"),
        ("x = " + "[" * 5_000, "the configuration: is not TOML"),
    ],
)
def test_a_damaged_file_is_one_line_that_names_the_key(text: str, line: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        parse_catalogue(text)
    assert str(refused.value).startswith(line)
    assert "\n" not in str(refused.value)


def test_a_file_is_read_with_and_without_a_byte_order_mark(tmp_path: Path) -> None:
    file = tmp_path / "upheld.toml"
    for mark in ("", "\ufeff"):
        file.write_text(f'{mark}[defaults]\ntime_zone = "Europe/Sofia"\n', encoding="utf-8")
        assert load_catalogue(file).default_time_zone == "Europe/Sofia"


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.toml"
    damaged.write_bytes(b"\xff\xfe\xff")
    for file, reason in ((tmp_path / "none.toml", "No such file"), (tmp_path, "Is a directory"), (damaged, "UTF-8")):
        with pytest.raises(ConfigurationError, match=reason) as refused:
            load_catalogue(file)
        assert str(refused.value).startswith(f"{file}: cannot be read")


def test_a_catalogue_of_the_same_text_is_the_same() -> None:
    assert parse_catalogue(EXAMPLE) == parse_catalogue(EXAMPLE)


EXAMPLE = """
[defaults]
time_zone = "Asia/Shanghai"
calendar = "CN"
[roles.technician]
[kinds.free_item]
path = ["warehouse", "courier"]
receipt = "held"
recipients = { warehouse = "team:warehouse" }
due_within = { amount = 3, unit = "working_days" }
receipt_within = "PT60M"
receipt_lead = "PT30M"
assign_before = "PT12H"
remind_before_due = "PT1H"
escalate_after = ["PT15M", "PT1H", "PT4H"]
escalate_on_postponements = 2
escalate_on_contacts = 3
[calendars.CN]
holidays = "CN"
working_hours = "Mo-Fr 09:00-18:00"
extra_holidays = ["2027-02-08"]
extra_working_days = [2027-02-06]
[[webhooks]]
url = "https://oms.example/hooks"
secret = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz"
events = ["CommitmentBroken", "ReceiptMissed", "CommitmentEscalated"]
allow_private = false
[[webhooks]]
url = "https://crm.example/hooks"
secret = ["whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz", "whsec_YWJjZGVmZ2hpamFiY2RlZmdoaWphYmNkZWZnaGlq"]
[hooks.helpdesk]
verify = "hmac"
header = "X-Hub-Signature"
secret = "secret"
[privacy]
person_scorecards = false
[retention]
after_close = "P2Y"
[oidc]
issuer = "https://login.example"
client_id = "upheld"
client_secret = "secret"
[evidence]
photos = true
[push]
subject = "mailto:ops@example.com"
allow_private = false
"""


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('messages.template_ids = { "assigned.de" = "x" }', "messages.template_ids.assigned.de: is no text, as in"),
        ('messages.customer_hours = "whenever"', "messages.customer_hours: "),
        ('messages.retry_after = ["soon"]', "messages.retry_after[0]: 'soon' is not an ISO 8601 duration"),
        ('kinds.refund.inform_customer = ["lost"]', "kinds.refund.inform_customer[0]: "),
    ],
)
def test_how_people_are_told_is_checked(text: str, told: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        parse_catalogue(text)
    assert str(refused.value).startswith(told)
