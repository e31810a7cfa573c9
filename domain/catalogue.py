"""What may be promised: the kinds, roles and calendars, built in or from a TOML file.

>>> catalogue = parse_catalogue('kinds.free_item.receipt_within = "PT45M"')
>>> catalogue.kind("free_item").path, catalogue.kind("free_item").receipt_within
(('warehouse', 'courier'), datetime.timedelta(seconds=2700))

Without a file a promise counts in UTC, by office hours without holidays: nobody said where the business is, and
guessed holidays would move deadlines silently. Whoever lives anywhere names `[defaults]`.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cache, cached_property, lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Literal

import msgspec

from domain.actors import BUILT_IN_ROLES, Actor
from domain.calendars import OFFICE_HOURS, Calendar, CalendarConfig, country_calendar, is_country
from domain.deadlines import zone
from domain.durations import Age, Unit, Within, parse_age, parse_duration
from domain.errors import CalendarHasNoWorkingTime, ConfigurationError, Invalid
from domain.hooks import Hook, read_hook
from domain.integrations import Webhook, check_webhooks
from domain.people import Duty
from domain.push import Push, check_push
from domain.sealing import Sealing, check_sealing
from domain.signing_in import Oidc, check_oidc
from domain.tables import fault as _fault
from domain.tables import read as _read
from domain.values import Receipt, Terms

__all__ = ["MADE_BY", "Catalogue", "Kind", "Messages", "load_catalogue", "parse_catalogue"]

MADE_BY = "{made_by}"
"""The recipient who is whoever made the promise."""

_NONE = "none"
_TEMPLATE = re.compile(
    r"(assigned|amended|reassigned|withdrawn|missed|nagged|due_soon|escalated|several|customer\.(made|moved|kept|broken|several))"
    r"\.(en|zh-CN|bg)"
)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", re.ASCII)

_BUILT_IN_KINDS = """
[delivery]
path = ["courier"]
receipt = "none"
[redelivery]
path = ["courier"]
assign_before = "PT12H"
[free_item]
path = ["warehouse", "courier"]
receipt = "held"
recipients = { warehouse = "team:warehouse" }
due_within = { amount = 3, unit = "working_days" }
assign_before = "PT12H"
[repair]
path = ["technician"]
due_within = { amount = 3, unit = "working_days" }
receipt_within = { amount = 4, unit = "working_hours" }
assign_before = "P1D"
[refund]
path = ["finance"]
recipients = { finance = "team:finance" }
due_within = { amount = 3, unit = "working_days" }
receipt_within = { amount = 4, unit = "working_hours" }
[compensation]
path = ["finance"]
recipients = { finance = "team:finance" }
due_within = { amount = 3, unit = "working_days" }
receipt_within = { amount = 4, unit = "working_hours" }
[price_adjustment]
path = ["finance"]
recipients = { finance = "team:finance" }
due_within = { amount = 3, unit = "working_days" }
receipt_within = { amount = 4, unit = "working_hours" }
[invoice]
path = ["finance"]
recipients = { finance = "team:finance" }
due_within = { amount = 1, unit = "working_days" }
receipt_within = { amount = 2, unit = "working_hours" }
[callback]
path = ["agent"]
recipients = { agent = "{made_by}" }
receipt_within = "PT15M"
[answer]
path = ["agent"]
recipients = { agent = "{made_by}" }
receipt_within = "PT15M"
"""


@dataclass(frozen=True)
class Kind:
    """One kind of promise: whose hands it goes through, what counts as receipt, and when somebody is told."""

    name: str
    path: tuple[str, ...]
    receipt: Receipt
    recipients: Mapping[str, str]
    due_within: Within | None
    receipt_within: Within | timedelta
    receipt_lead: timedelta
    assign_before: timedelta | None
    remind_before_due: timedelta | None
    escalate_after: tuple[timedelta, ...]
    escalation_pause: timedelta
    escalate_on_postponements: int
    escalate_on_contacts: int
    inform_customer: frozenset[str]

    @cached_property
    def terms(self) -> Terms:
        """What of it a promise keeps, whatever becomes of the kind."""
        return Terms(
            receipt=self.receipt,
            receipt_within=self.receipt_within,
            receipt_lead=self.receipt_lead,
            assign_before=self.assign_before,
            escalate_on_postponements=self.escalate_on_postponements,
            escalate_on_contacts=self.escalate_on_contacts,
            escalate_after=self.escalate_after,
            escalation_pause=self.escalation_pause,
            remind_before_due=self.remind_before_due,
        )


class _Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of the file: a key that is not a field is an error."""


class _Defaults(_Table, frozen=True):
    time_zone: str = "UTC"
    calendar: str = "default"


class _Role(_Table, frozen=True):
    pass


class _Within(_Table, frozen=True):
    amount: int
    unit: Unit


class _Kind(_Table, frozen=True):
    path: tuple[str, ...]
    receipt: Receipt = "acknowledged"
    recipients: dict[str, object] = {}
    due_within: _Within | str = _NONE
    receipt_within: _Within | str = "PT60M"
    receipt_lead: str = "PT30M"
    assign_before: str = _NONE
    remind_before_due: str = "PT1H"
    escalate_after: tuple[str, ...] = ("PT15M", "PT1H", "PT4H")
    escalation_pause: str = "PT1H"
    escalate_on_postponements: int = 2
    escalate_on_contacts: int = 3
    inform_customer: tuple[Literal["made", "moved", "kept", "broken"], ...] = ("moved", "kept", "broken")


class _Calendar(_Table, frozen=True):
    holidays: str | None = None
    working_hours: str | None = None
    extra_holidays: tuple[date, ...] = ()
    extra_working_days: tuple[date, ...] = ()


class _Messages(_Table, frozen=True):
    customer_hours: str = "08:00-21:00"
    template_ids: dict[str, str] = {}
    retry_after: tuple[str, ...] = ("PT2S", "PT10S", "PT1M", "PT5M", "PT15M", "PT30M")
    allow_private: bool | None = None


@dataclass(frozen=True, slots=True)
class Messages:
    """How people are told: when customers may be, by which ids a gateway knows the texts, how long a channel that
    failed is left alone before each new try, and whether channels may lead to addresses that are not public; where
    that is not said, they may where everybody may do everything anyway.
    """

    customer_hours: str
    template_ids: Mapping[str, str]
    retry_after: tuple[timedelta, ...]
    allow_private: bool | None


class _Privacy(_Table, frozen=True):
    person_scorecards: bool = True


class _Retention(_Table, frozen=True):
    after_close: str | None = None


class _Evidence(_Table, frozen=True):
    photos: bool = False


class _File(_Table, frozen=True):
    """The top level. Kinds and calendars are read one by one, so that an error can name the one it is in."""

    defaults: dict[str, object] = {}
    roles: dict[str, object] = {}
    kinds: dict[str, object] = {}
    calendars: dict[str, object] = {}
    webhooks: tuple[object, ...] = ()
    hooks: dict[str, object] = {}
    privacy: dict[str, object] = {}
    retention: dict[str, object] = {}
    oidc: dict[str, object] | None = None
    evidence: dict[str, object] = {}
    messages: dict[str, object] = {}
    push: dict[str, object] = {}
    seals: dict[str, object] = {}


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Everything that is configured.

    >>> catalogue = parse_catalogue("")
    >>> catalogue.default_time_zone, catalogue.default_calendar, sorted(catalogue.kinds)[:3]
    ('UTC', 'default', ['answer', 'callback', 'compensation'])
    """

    default_time_zone: str
    default_calendar: str
    roles: frozenset[str]
    kinds: Mapping[str, Kind]
    calendars: Mapping[str, Calendar]
    person_scorecards: bool = True
    evidence_photos: bool = False
    retention: Age | None = None
    webhooks: tuple[Webhook, ...] = ()
    oidc: Oidc | None = None
    hooks: Mapping[str, Hook] = field(default_factory=dict)
    messages: Messages = field(default_factory=lambda: _messages({}))
    push: Push = Push()
    sealing: Sealing = Sealing()

    def kind(self, name: str) -> Kind:
        """The kind of that name. Raises `Invalid` where there is none."""
        try:
            return self.kinds[name]
        except KeyError:
            raise Invalid("/kind", f"is no kind of promise; there are {', '.join(sorted(self.kinds))}") from None

    def calendar(self, name: str, pointer: str = "/calendar") -> Calendar:
        """The calendar of that name, a configured one before a country.

        >>> parse_catalogue("").calendar("GB-SCT").config.holidays
        'GB-SCT'

        Raises `Invalid` with the pointer where it is neither configured nor a country or subdivision.
        """
        return self.calendars.get(name) or _of_country(name, pointer)


@lru_cache(maxsize=1024)
def _of_country(name: str, pointer: str) -> Calendar:
    if not is_country(name):
        raise Invalid(pointer, "is no configured calendar, no ISO 3166-1 country, nor a subdivision as in GB-ENG")
    return _compiled(country_calendar(name))


@lru_cache(maxsize=128)
def _compiled(config: CalendarConfig) -> Calendar:
    return Calendar(config)


def load_catalogue(path: Path | None) -> Catalogue:
    """The catalogue of a TOML file, or the built-in one.

    Raises `ConfigurationError`, one line, where the file cannot be read or a key in it is wrong.
    """
    if path is None:
        return parse_catalogue("")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise _fault(str(path), f"cannot be read: {reason}") from error
    return parse_catalogue(text)


def parse_catalogue(text: str) -> Catalogue:
    """The catalogue of a TOML text.

    >>> parse_catalogue('kinds.free_item.recieve = "held"')
    Traceback (most recent call last):
    domain.errors.ConfigurationError: kinds.free_item.recieve: is not a key of a kind

    Raises `ConfigurationError`: one line that begins with the key that is wrong.
    """
    file = _read("", _toml(text), _File, "the configuration")
    roles = BUILT_IN_ROLES | {_role(name, table) for name, table in file.roles.items()}
    catalogue = Catalogue(
        *_defaults(file),
        roles=roles,
        kinds={name: _kind(name, table, roles) for name, table in (_built_in_kinds() | file.kinds).items()},
        calendars={"default": _compiled(CalendarConfig())}
        | {name: _calendar(name, raw) for name, raw in file.calendars.items()},
        person_scorecards=_read("privacy", file.privacy, _Privacy, "the privacy").person_scorecards,
        evidence_photos=_read("evidence", file.evidence, _Evidence, "the evidence").photos,
        retention=_retention(file.retention),
        webhooks=_webhooks(file.webhooks),
        oidc=None if file.oidc is None else _oidc(file.oidc, roles),
        hooks={name: read_hook(name, raw, roles) for name, raw in file.hooks.items()},
        messages=_messages(file.messages),
        push=_push(file.push),
        sealing=_sealing(file.seals),
    )
    try:
        catalogue.calendar(catalogue.default_calendar)
    except Invalid as error:
        raise _fault("defaults.calendar", str(error)) from error
    return catalogue


def _messages(raw: object) -> Messages:
    table = _read("messages", raw, _Messages, "the messages")
    try:
        Duty(table.customer_hours, "UTC").check()
    except (Invalid, CalendarHasNoWorkingTime) as error:
        raise _fault("messages.customer_hours", str(error)) from error
    for name in table.template_ids:
        if not _TEMPLATE.fullmatch(name):
            raise _fault(f"messages.template_ids.{name}", "is no text, as in 'assigned.zh-CN' or 'customer.moved.bg'")
    pauses = (_elapsed(f"messages.retry_after[{number}]", text) for number, text in enumerate(table.retry_after))
    return Messages(table.customer_hours, table.template_ids, tuple(pauses), table.allow_private)


def _webhooks(tables: tuple[object, ...]) -> tuple[Webhook, ...]:
    webhooks = tuple(_read(f"webhooks[{n}]", raw, Webhook, "a webhook") for n, raw in enumerate(tables))
    check_webhooks(webhooks)
    return webhooks


def _sealing(table: dict[str, object]) -> Sealing:
    sealing = _read("seals", table, Sealing, "the seals")
    check_sealing(sealing)
    return sealing


def _oidc(table: dict[str, object], roles: frozenset[str]) -> Oidc:
    oidc = _read("oidc", table, Oidc, "the sign-in")
    check_oidc(oidc, roles)
    return oidc


def _retention(table: dict[str, object]) -> Age | None:
    text = _read("retention", table, _Retention, "the retention").after_close
    try:
        return parse_age(text) if text is not None else None
    except Invalid as error:
        raise _fault("retention.after_close", f"'{text}' {error}") from error


def _push(table: dict[str, object]) -> Push:
    push = _read("push", table, Push, "the push messages")
    check_push(push)
    return push


def _toml(text: str) -> dict[str, object]:
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise _fault("the configuration", f"is not TOML: {error}") from error


@cache
def _built_in_kinds() -> dict[str, object]:
    return tomllib.loads(_BUILT_IN_KINDS)


def _defaults(file: _File) -> tuple[str, str]:
    defaults = _read("defaults", file.defaults, _Defaults, "the defaults")
    try:
        zone(defaults.time_zone)
    except Invalid as error:
        raise _fault("defaults.time_zone", str(error)) from error
    return defaults.time_zone, defaults.calendar


def _role(name: str, raw: object) -> str:
    _read(f"roles.{name}", raw, _Role, "a role")
    try:
        return Actor.parse(f"{name}:anybody").role
    except Invalid as error:
        raise _fault(f"roles.{name}", "is not a name of small letters, digits, _ and -") from error


def _calendar(name: str, raw: object) -> Calendar:
    """A calendar named after a country has its holidays and hours, until the file says otherwise."""
    key = f"calendars.{name}"
    table = _read(key, raw, _Calendar, "a calendar")
    holidays = (name if is_country(name) else _NONE) if table.holidays is None else table.holidays
    usual = country_calendar(holidays).working_hours if is_country(holidays) else OFFICE_HOURS
    config = CalendarConfig(
        holidays=holidays,
        working_hours=usual if table.working_hours is None else table.working_hours,
        extra_holidays=table.extra_holidays,
        extra_working_days=table.extra_working_days,
    )
    try:
        return _compiled(config)
    except ConfigurationError as error:
        raise _fault(f"{key}.{str(error).partition(':')[0]}", str(error).partition(": ")[2]) from error


def _kind(name: str, raw: object, roles: frozenset[str]) -> Kind:
    """A kind as the file changes it, key by key; a new one says at least its path."""
    key = f"kinds.{name}"
    if not _NAME.fullmatch(name):
        raise _fault(key, "is not a name of letters, digits, _ and -")
    usual = _built_in_kinds().get(name)
    table = _read(key, usual | raw if isinstance(usual, dict) and isinstance(raw, dict) else raw, _Kind, "a kind")
    return Kind(
        name=name,
        path=_path(f"{key}.path", table.path, roles),
        receipt=table.receipt,
        recipients={
            role: _recipient(f"{key}.recipients.{role}", role, recipient, roles)
            for role, recipient in table.recipients.items()
        },
        due_within=None if table.due_within == _NONE else _within(f"{key}.due_within", table.due_within),
        receipt_within=_within_or_elapsed(f"{key}.receipt_within", table.receipt_within),
        receipt_lead=_elapsed(f"{key}.receipt_lead", table.receipt_lead),
        assign_before=_elapsed_or_none(f"{key}.assign_before", table.assign_before),
        remind_before_due=_elapsed_or_none(f"{key}.remind_before_due", table.remind_before_due),
        escalate_after=_ladder(f"{key}.escalate_after", table.escalate_after),
        escalation_pause=_elapsed(f"{key}.escalation_pause", table.escalation_pause),
        escalate_on_postponements=_at_least_one(f"{key}.escalate_on_postponements", table.escalate_on_postponements),
        escalate_on_contacts=_at_least_one(f"{key}.escalate_on_contacts", table.escalate_on_contacts),
        inform_customer=frozenset(table.inform_customer),
    )


def _path(key: str, path: tuple[str, ...], roles: frozenset[str]) -> tuple[str, ...]:
    if not path or len(set(path)) < len(path):
        raise _fault(key, "names at least one role, and none of them twice")
    for number, role in enumerate(path):
        if role not in roles:
            raise _fault(f"{key}[{number}]", f"'{role}' is no role; name it in [roles.{role}]")
    return path


def _recipient(key: str, role: str, raw: object, roles: frozenset[str]) -> str:
    if role not in roles:
        raise _fault(key, f"is no role; name it in [roles.{role}]")
    recipient = _read(key, raw, str, "a recipient")
    try:
        known = recipient == MADE_BY or Actor.parse(recipient).role in roles
    except Invalid:
        known = False
    if not known:
        raise _fault(key, f"'{recipient}' is not ROLE:ID with a known role, nor {MADE_BY}")
    return recipient


def _within(key: str, value: _Within | str) -> Within:
    if isinstance(value, str):
        raise _fault(key, 'is not of the form { amount = 3, unit = "working_days" }')
    try:
        return Within(value.amount, value.unit)
    except Invalid as error:
        raise _fault(f"{key}.amount", str(error)) from error


def _within_or_elapsed(key: str, value: _Within | str) -> Within | timedelta:
    return _elapsed(key, value) if isinstance(value, str) else _within(key, value)


def _elapsed(key: str, text: str) -> timedelta:
    try:
        return parse_duration(text)
    except Invalid as error:
        raise _fault(key, f"'{text}' {error}") from error


def _elapsed_or_none(key: str, text: str) -> timedelta | None:
    return None if text == _NONE else _elapsed(key, text)


def _ladder(key: str, texts: tuple[str, ...]) -> tuple[timedelta, ...]:
    steps = tuple(_elapsed(f"{key}[{number}]", text) for number, text in enumerate(texts))
    if len(steps) > 3 or any(later <= earlier for earlier, later in pairwise(steps)):
        raise _fault(key, "has at most three steps (maker, supervisor, manager), each later than the one before")
    return steps


def _at_least_one(key: str, number: int) -> int:
    if number < 1:
        raise _fault(key, "is not a whole number of 1 or more")
    return number
