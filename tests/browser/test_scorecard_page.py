"""The scorecard, in a real browser: plots with their tables, for every eye, on paper and as CSV."""

import csv
import io
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.api.serving import Serving, refused
from tests.browser.conftest import Begin
from tests.browser.office import LOCALES, Opened, check_every_screen, check_everybody_can_read, opening_pages


@pytest.fixture(scope="module")
def serving(begin: Begin) -> Serving:
    """One promise kept, one kept late, one declined and broken, and one open."""
    serving = begin()
    oms = serving.by("system:oms")
    agent = {"made_at": oms.at(hours=-3)}
    oms.assign("SO-1", "courier:li", depot="north")
    courier = oms.by("courier:li")
    kept, late, broken, _ = (
        oms.promise(order_id="SO-1", due=oms.due(hours=hours), **agent)["id"] for hours in (5, -1, -2, 9)
    )
    for id in (kept, late):
        courier.receipt(id)
        courier.command(id, "fulfilment", {})
    courier.receipt(broken, "declined", reason="=1+1")
    oms.command(broken, "contacts", {"channel": "phone"})
    oms.all_taken_in()
    return serving


@pytest.fixture
def opened(browser: Browser, serving: Serving) -> Iterator[Opened]:
    with opening_pages(browser, serving, "supervisor:wang") as opened:
        yield opened


@pytest.mark.parametrize("locale", list(LOCALES))
def test_the_scorecard_is_read_by_everybody(opened: Opened, locale: str) -> None:
    page = opened("/board/scorecard?group_by=recipient", locale=locale, width=320)

    check_everybody_can_read(page, locale)
    assert page.locator("svg.plot").count() == 4


def test_what_a_plot_shows_stands_in_the_table_beside_it(opened: Opened) -> None:
    page = opened("/board/scorecard?group_by=recipient", java_script_enabled=False)
    rows = [row.locator("th, td").all_inner_texts() for row in page.locator("tbody tr").all()]

    assert rows[0] == ["courier:li", "1", "0", "1", "1", "0", "1", "33%"]
    assert rows[1] == ["courier:li", "0", "1", "0"]
    assert rows[3] == ["courier:li", "1", "0"]
    drawn = page.locator("svg.plot").first.locator("rect[stroke]")
    assert [one.text_content() for one in drawn.all()] == ["Kept: 1", "Kept late: 1", "Broken: 1", "Open: 1"]
    assert len({one.get_attribute("fill") for one in drawn.all()}) == 4, "each has a pattern of its own"


@pytest.mark.parametrize("group_by", ["day", "kind", "made_by", "role", "depot"])
def test_every_grouping_is_drawn(opened: Opened, group_by: str) -> None:
    page = opened(f"/board/scorecard?group_by={group_by}")

    assert page.locator("#kept ~ .pair tbody tr").count() == 1
    assert page.locator("select[name=group_by]").input_value() == group_by


def test_the_same_figures_are_had_as_csv(serving: Serving) -> None:
    client, headers = serving.by("supervisor:wang").client, {"X-Actor": "supervisor:wang"}
    answer = client.get("/board/scorecard.csv?group_by=recipient", headers=headers)
    (row,) = csv.DictReader(io.StringIO(answer.text))

    assert answer.headers["content-type"].startswith("text/csv")
    assert (row["group"], row["kept"], row["kept_late"], row["broken_by_declined"]) == ("courier:li", "1", "1", "1")
    refused(client.get("/board/scorecard.csv?from=yesterday", headers=headers), 422, pointer="/query/from")


def test_an_empty_time_and_one_that_is_none_are_told_apart(opened: Opened) -> None:
    page = opened("/board/scorecard?from=2001-01-01&to=2001-01-31")
    assert "No promise was made in this time." in page.locator(".empty").inner_text()
    check_everybody_can_read(page)
    page = opened("/board/scorecard?from=yesterday")
    assert "from is not an instant" in page.get_by_role("alert").inner_text()


def test_on_paper_there_are_figures_alone(opened: Opened) -> None:
    page = opened("/board/scorecard")
    page.emulate_media(media="print")

    assert not page.locator("form.fields").is_visible()
    assert page.locator("svg.plot").first.is_visible()


def test_the_scorecard_fits_every_screen(opened: Opened) -> None:
    check_every_screen(opened("/board/scorecard", locale="bg"))
