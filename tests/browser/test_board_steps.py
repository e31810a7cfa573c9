"""The next steps on the board, in a real browser: by keyboard, without scripts, and while others act, too."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.api.serving import Api
from tests.browser.conftest import Begin
from tests.browser.night import Night
from tests.browser.office import Opened, check_everybody_can_read, opening_pages
from tests.messages.receivers import eventually


@pytest.fixture(scope="module")
def night(begin: Begin) -> Night:
    return Night(begin())


@pytest.fixture
def opened(browser: Browser, night: Night) -> Iterator[Opened]:
    with opening_pages(browser, night.serving, "supervisor:wang") as opened:
        yield opened


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
    expect(page.locator(f"#take-{id}")).to_have_count(0)
    page.keyboard.press("n")
    expect(page.locator(f"#f-{id} .done[role=status]")).to_contain_text("The keeper is asked again now.")
    expect(page.locator(f"#f-{id} .done[role=status]")).to_be_focused()
    expect(page.locator(f"#f-{id} .facts")).to_contain_text("nagged at")
    page.keyboard.press("o")
    expect(page.locator(f"#who-{id}")).to_be_visible()
    page.locator(f"#who-{id}").focus()
    page.keyboard.type("courier:bo")
    page.keyboard.press("Enter")
    expect(page.locator(f"#wrong-reassign-recipient-{id}")).to_contain_text("nobody is known by this name")
    page.locator(f"#who-{id}").press("Enter")
    expect(page.locator(f"#f-{id} .done[role=status]")).to_contain_text("Somebody else is to keep it now.")

    assert night.agent.commitment(id)["handoffs"][0]["recipient"] == "courier:bo"
    assert night.agent.commitment(id)["taken_by"] == "supervisor:wang"
    assert night.agent.get("/v1/orders/SO-keys")["assignments"][0]["depot"] == "north", "what was planned stays"


def test_a_step_that_is_taken_while_the_list_is_on_its_way_waits_for_nothing(opened: Opened, night: Night) -> None:
    id = night.unread("SO-held", hours=2)
    page = opened("/board")
    expect(page.locator(f"#f-{id}")).to_be_visible()
    page.route("**/board/list?*", lambda _: None)
    with page.expect_request("**/board/list?*"):
        night.agent.command(id, "contacts", {"channel": "phone", "note": "Where is it?"})
    page.locator(f"#nag-{id}").click()
    expect(page.locator(f"#f-{id} .done[role=status]")).to_contain_text("The keeper is asked again now.")
    page.unroute("**/board/list?*")
    expect(page.locator(f"#f-{id}")).to_contain_text("the customer has asked 1 time")


def test_a_board_that_cannot_ask_the_server_says_so_wherever_its_reader_is(opened: Opened, night: Night) -> None:
    id = night.unread("SO-away", hours=2)
    page = opened("/board")
    expect(page.locator(f"#f-{id}")).to_be_visible()
    page.context.set_offline(True)
    page.locator(f"#nag-{id}").click()
    expect(page.locator("[data-away]")).to_have_text("The server cannot be reached. What is shown may be old.")
    expect(page.locator("[data-away]")).to_be_in_viewport()
    page.context.set_offline(False)
    page.locator(f"#nag-{id}").click()
    expect(page.locator(f"#f-{id} .done[role=status]")).to_contain_text("The keeper is asked again now.")
    expect(page.locator("[data-away]")).to_be_hidden()


def test_what_is_refused_says_so_where_it_was_done_and_what_is_typed_elsewhere_stays(
    opened: Opened, night: Night
) -> None:
    id, unknown = night.unread("SO-typo", hours=2), night.unread("SO-stranger", hours=2, recipient="courier:unheard")
    page = opened("/board")
    expect(page.locator(f"#f-{unknown} .acts")).to_be_visible()
    assert page.locator(f"#nag-{unknown}").count() == 0, "nobody can tell whom the book of people does not know"
    page.locator(f"#m-{id} summary").click()
    page.locator(f"#say-{id}").fill("It comes on Friday")
    page.locator(f"#who-{id}").fill("courier:lii")
    page.locator(f"#do-{id}").get_by_role("button", name="Name him").click()
    expect(page.locator(f"#wrong-reassign-recipient-{id}")).to_contain_text("nobody is known by this name")
    assert page.locator(f"#say-{id}").input_value() == "It comes on Friday"
    assert night.agent.commitment(id)["handoffs"][0]["recipient"] == "courier:li"
    page.locator(f"#do-{id}").get_by_role("button", name="Name him").click()
    expect(page.locator(f"#f-{id} .done[role=status]")).to_contain_text("Somebody else is to keep it now.")

    assert night.agent.commitment(id)["handoffs"][0]["recipient"] == "courier:lii"


def test_a_nag_that_cannot_be_is_said_on_the_card(opened: Opened, night: Night) -> None:
    id = night.unread("SO-gone", hours=2)
    page = opened("/board")
    expect(page.locator(f"#nag-{id}")).to_be_visible()
    night.oms.assign("SO-gone", "courier:vanished", depot="north")
    answer = night.oms.client.post(
        f"/board/flags/{id}", data={"do": "nagged"}, headers={"X-Actor": "supervisor:wang", "HX-Request": "true"}
    )

    assert answer.status_code == 422
    assert "nobody has said how the keeper is reached" in answer.text


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
    assert "still names another time: “до 18 ч.”" in page.locator(f"#wrong-amend-promise-{id}").inner_text()
    with page.expect_navigation():
        page.get_by_role("button", name="Amend", exact=True).click()
    commitment = night.agent.commitment(id)

    assert (commitment["revision"], commitment["due"]["at"]) == (2, "2099-01-02T10:00:00Z")
    assert night.agent.told(id).count("CommitmentEscalated") >= 1


def test_a_form_that_is_sent_twice_is_one_command(night: Night) -> None:
    id = night.unread("SO-twice", hours=2)
    client, headers = night.oms.client, {"X-Actor": "supervisor:wang"}
    # What its keeper cannot keep comes to whoever promised it by itself, a moment later.
    eventually(lambda: night.agent.commitment(id)["escalation_level"] == 1)
    for _ in range(2):
        sent = client.post(f"/board/flags/{id}", data={"do": "raised", "key": "one-tap"}, headers=headers)
        assert sent.status_code == 303, sent.text
    foreign = client.post(
        f"/board/flags/{id}", data={"do": "raised"}, headers={**headers, "Sec-Fetch-Site": "cross-site"}
    )

    assert night.agent.commitment(id)["escalation_level"] == 2
    assert foreign.status_code == 403


def test_what_others_do_is_seen_at_once_and_disturbs_nobody(opened: Opened, night: Night) -> None:
    mine, other = night.unread("SO-mine", hours=2), night.unread("SO-other", hours=2.5)
    page = opened("/board")
    page.locator(f"#m-{mine} summary").click()
    page.locator(f"#why-{mine}").fill("half a sen")
    night.supervisor.command(other, "escalations", {"action": "taken"})
    expect(page.locator(f"#f-{other}")).to_contain_text("Wang Fang deals with it until")
    night.agent.command(other, "contacts", {"channel": "phone", "note": "Where is it?"})
    expect(page.locator(f"#f-{other}")).to_contain_text("the customer has asked 1 time")
    new = night.unread("SO-new", hours=0.5)
    expect(page.locator(f"#f-{new}")).to_be_visible()
    expect(page.locator(f"#why-{mine}")).to_be_focused()
    page.keyboard.type("tence")
    assert page.locator(f"#why-{mine}").input_value() == "half a sentence"
    night.supervisor.command(new, "fulfilment", {})
    expect(page.locator(f"#f-{new}")).to_have_count(0)
    night.supervisor.command(mine, "fulfilment", {})
    expect(page.locator(f"#f-{mine} .gone")).to_be_visible()


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
    expect(page.locator("#progress")).to_contain_text("3 of 3")
    expect(page.locator("#progress")).to_contain_text("Done")
    check_everybody_can_read(page)

    night.agent.end_of_the_log()
    assert {night.agent.commitment(id)["revision"] for id in ids} == {2}


def test_what_does_not_exist_is_not_found(night: Night) -> None:
    api: Api = night.supervisor
    for path in ("/board/flags/no-such", "/board/jobs/no-such"):
        assert api.request("GET", path).status_code == 404
    assert api.client.get("/board/stream?reason=no-such", headers={"X-Actor": "supervisor:wang"}).status_code == 422
