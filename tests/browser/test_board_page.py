"""The board, in a real browser: what is in danger, live, and the next step by keyboard, thumb and without scripts."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.api.serving import Api, Serving
from tests.browser.office import LOCALES, Opened, check_everybody_can_read, check_nothing_is_cut, opening_pages

PROMISE = "Ще донесем кабела <b>утре</b> до 18 ч. & 免费送货上门"
_NUMBER = "+8613800138000"


class Night:
    """A supervisor's night: a courier with a number who does not know of a promise, and others that are overdue."""

    def __init__(self, serving: Serving) -> None:
        self.serving = serving
        self.oms = serving.by("system:oms")
        self.agent = self.oms.by("agent:ling")
        self.supervisor = self.oms.by("supervisor:wang")
        channels = [f"signal://gateway.example/+15551230000/{_NUMBER}"]
        people = {"courier:li": ("Li Wei", channels), "supervisor:wang": ("Wang Fang", []), "agent:ling": ("Ling", [])}
        for actor, (name, ways) in people.items():
            self.supervisor.put(f"/v1/people/{actor}", {"name": name, "time_zone": "Asia/Shanghai", "channels": ways})
        self.urgent = self.unread("SO-1", hours=1)
        for number in range(2, 5):
            self.unread(f"SO-{number}", hours=3 + number)

    def unread(self, order: str, *, hours: float, recipient: str = "courier:li") -> str:
        """A promise whose receipt has been due for some time."""
        made_at = self.oms.at(hours=-20)
        self.oms.assign(order, recipient, depot="north")
        id = self.oms.promise(order_id=order, promise=PROMISE, made_at=made_at, due=self.oms.due(hours=hours))["id"]
        self.oms.by(recipient).command(id, "receipts", {"revision": 1, "state": "declined", "reason": "No room"})
        return str(id)


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Night]:
    with Serving(tmp_path_factory.mktemp("board")) as serving:
        yield Night(serving)


@pytest.fixture
def opened(browser: Browser, night: Night) -> Iterator[Opened]:
    with opening_pages(browser, night.serving, "supervisor:wang") as opened:
        yield opened


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("locale", list(LOCALES))
def test_the_board_is_read_by_everybody(opened: Opened, night: Night, locale: str, scheme: str) -> None:
    page = opened("/board", locale=locale, width=320, color_scheme=scheme)
    page.locator("#filters summary").click()
    page.keyboard.press("o")
    expect(page.locator(f"#do-{night.urgent} form")).to_have_count(4)

    check_everybody_can_read(page, locale)
    assert page.locator(f"#f-{night.urgent} .promise").inner_text() == PROMISE


def test_a_phone_at_night_shows_how_many_the_most_urgent_and_the_buttons_first(opened: Opened, night: Night) -> None:
    page = opened("/board", width=360)
    first = page.locator(".flag").first

    assert first.get_attribute("id") == f"f-{night.urgent}"
    assert "promises in danger" in page.locator("#count").inner_text()
    for part in (first.locator("a[href^='tel:']"), first.get_by_role("button", name="I deal with it")):
        box = part.bounding_box()
        assert box is not None
        assert box["y"] + box["height"] < 640
        assert box["height"] >= 44
    assert first.locator("a[href^='tel:']").get_attribute("href") == f"tel:{_NUMBER}"


def test_a_promise_is_taken_and_given_to_somebody_else_by_keyboard_alone(opened: Opened, night: Night) -> None:
    id = night.unread("SO-keys", hours=2)
    page = opened("/board")
    page.keyboard.press("j")
    page.keyboard.press("j")
    expect(page.locator(f"#f-{id}")).to_be_focused()
    page.keyboard.press("t")
    expect(page.locator(f"#f-{id} [role=status]").first).to_be_focused()
    assert "You deal with it now." in page.locator(f"#f-{id}").inner_text()
    assert "Wang Fang deals with it until" in page.locator(f"#f-{id}").inner_text()
    page.keyboard.press("o")
    expect(page.locator(f"#who-{id}")).to_be_visible()
    page.locator(f"#who-{id}").focus()
    page.keyboard.type("courier:bo")
    page.keyboard.press("Enter")
    expect(page.locator(f"#f-{id} .done[role=status]")).to_contain_text("Somebody else is to keep it now.")

    assert night.agent.commitment(id)["handoffs"][0]["recipient"] == "courier:bo"
    assert night.agent.commitment(id)["taken_by"] == "supervisor:wang"
    assert night.agent.get("/v1/orders/SO-keys")["assignments"][0]["depot"] == "north", "what was planned stays"


def test_without_scripts_a_promise_is_raised_and_amended_once(opened: Opened, night: Night) -> None:
    id = night.unread("SO-plain", hours=2)
    page = opened("/board", java_script_enabled=False)
    with page.expect_navigation():
        page.locator(f"#raise-{id}").click()
    assert page.url.endswith(f"/board#f-{id}")
    page.goto(f"{night.serving.url}/board/flags/{id}")
    page.locator(f"#why-{id}").fill("The van broke down")
    page.locator(f"#due-{id}").fill("2001-01-01T10:00")
    page.get_by_role("button", name="Amend", exact=True).click()
    assert "Not recorded" in page.get_by_role("alert").inner_text()
    assert page.locator(f"#due-{id}").get_attribute("aria-invalid") == "true"
    assert page.locator(f"#why-{id}").input_value() == "The van broke down", "what was typed is still there"
    page.locator(f"#due-{id}").fill("2099-01-02T10:00")
    page.get_by_role("button", name="Amend", exact=True).click()
    commitment = night.agent.commitment(id)

    assert (commitment["revision"], commitment["due"]["at"]) == (2, "2099-01-02T10:00:00Z")
    assert night.agent.told(id).count("CommitmentEscalated") >= 1


def test_a_form_that_is_sent_twice_is_one_command(night: Night) -> None:
    id = night.unread("SO-twice", hours=2)
    client, headers = night.oms.client, {"X-Actor": "supervisor:wang"}
    before = night.agent.commitment(id)["escalation_level"]
    for _ in range(2):
        sent = client.post(f"/board/flags/{id}", data={"do": "raised", "key": "one-tap"}, headers=headers)
        assert sent.status_code == 303, sent.text
    foreign = client.post(
        f"/board/flags/{id}", data={"do": "raised"}, headers={**headers, "Sec-Fetch-Site": "cross-site"}
    )

    assert night.agent.commitment(id)["escalation_level"] == before + 1
    assert foreign.status_code == 403


def test_what_others_do_is_seen_at_once_and_disturbs_nobody(opened: Opened, night: Night) -> None:
    mine, other = night.unread("SO-mine", hours=2), night.unread("SO-other", hours=2.5)
    page = opened("/board")
    page.locator(f"#m-{mine} summary").click()
    page.locator(f"#why-{mine}").fill("half a sen")
    night.supervisor.command(other, "escalations", {"action": "taken"})
    expect(page.locator(f"#f-{other}")).to_contain_text("Wang Fang deals with it until", timeout=5_000)
    new = night.unread("SO-new", hours=0.5)
    expect(page.locator(f"#f-{new}")).to_be_visible(timeout=5_000)
    expect(page.locator(f"#why-{mine}")).to_be_focused()
    page.keyboard.type("tence")
    assert page.locator(f"#why-{mine}").input_value() == "half a sentence"
    night.supervisor.command(new, "fulfilment", {})
    expect(page.locator(f"#f-{new}")).to_have_count(0, timeout=5_000)
    night.supervisor.command(mine, "fulfilment", {})
    expect(page.locator(f"#f-{mine} .gone")).to_be_visible(timeout=5_000)


def test_a_group_is_opened_and_stays_open_as_things_change(opened: Opened, night: Night) -> None:
    page = opened("/board?by=recipient")
    group = page.locator(".groups > li").filter(has_text="Li Wei")
    group.locator("summary").first.click()
    expect(group.locator(".flag").first).to_be_visible()
    check_everybody_can_read(page)
    new = night.unread("SO-grouped", hours=0.7)
    expect(group.locator(f"#f-{new}")).to_be_visible(timeout=5_000)
    night.supervisor.command(new, "fulfilment", {})
    expect(group.locator(f"#f-{new}")).to_have_count(0, timeout=5_000)
    page.goto(f"{night.serving.url}/board?recipient=courier%3Anobody")
    assert "nothing is late" in page.locator(".empty").inner_text()
    check_everybody_can_read(page)
    page.goto(f"{night.serving.url}/board?reason=no-such")
    assert page.get_by_role("alert").is_visible()


def test_the_keepers_word_on_the_phone_and_the_customers_link(opened: Opened, night: Night) -> None:
    id = night.unread("SO-known", hours=2)
    page = opened("/board")
    page.locator(f"#m-{id} summary").click()
    page.locator(f"#do-{id}").get_by_role("button", name="Show the customer's link").click()
    link = page.locator(f"#link-{id}")
    expect(link).to_be_focused()
    assert "/c/" in link.input_value()
    page.locator(f"#do-{id}").get_by_role("button", name="Record: he knows").click()
    expect(page.locator(f"#f-{id}")).to_contain_text("Recorded: the keeper knows.")

    assert night.agent.commitment(id)["handoffs"][0]["received"]
    assert night.agent.history(commitment_id=id, type="HandoffAcknowledged")[0]["actor"] == "supervisor:wang"


def test_many_are_amended_at_once_after_a_look_at_what_becomes_of_them(opened: Opened, night: Night) -> None:
    ids = [night.unread(f"SO-snow-{n}", hours=3, recipient="courier:snow") for n in range(3)]
    page = opened("/board?recipient=courier%3Asnow")
    page.get_by_role("link", name="Amend many at once").click()
    page.locator("input[name=reason]").fill("Snow")
    page.keyboard.press("Enter")
    expect(page.locator("#preview")).to_have_text("3 promises would be amended")
    check_everybody_can_read(page)
    page.get_by_role("button", name="Amend 3 promises").click()
    expect(page.locator("#progress")).to_contain_text("3 of 3", timeout=10_000)
    expect(page.locator("#progress")).to_contain_text("Done", timeout=10_000)
    check_everybody_can_read(page)

    assert {night.agent.commitment(id)["revision"] for id in ids} == {2}


@pytest.mark.parametrize("width", [320, 768, 1440, 1920])
def test_the_board_fits_every_screen(opened: Opened, night: Night, width: int) -> None:
    for path in ("/board", "/board?by=depot", f"/board/flags/{night.urgent}"):
        check_nothing_is_cut(opened(path, locale="bg", width=width))


def test_a_thousand_flags_are_a_small_page(night: Night) -> None:
    answer = night.oms.client.get("/board", headers={"X-Actor": "supervisor:wang"})

    assert len(answer.content) < 150_000


def test_who_has_not_said_who_he_is_is_asked_first(browser: Browser, night: Night) -> None:
    page = browser.new_page()
    page.goto(f"{night.serving.url}/board?by=depot")
    page.locator("#actor").fill("supervisor:wang")
    page.keyboard.press("Enter")
    page.wait_for_url("**/board?by=depot")
    page.close()


def test_what_does_not_exist_is_not_found(night: Night) -> None:
    api: Api = night.supervisor
    for path in ("/board/flags/no-such", "/board/jobs/no-such"):
        assert api.request("GET", path).status_code == 404
    assert api.client.get("/board/stream?reason=no-such", headers={"X-Actor": "supervisor:wang"}).status_code == 422
