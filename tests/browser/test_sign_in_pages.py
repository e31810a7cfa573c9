"""Signing in, in real Chromium: to the provider and back, out, in a frame of a helpdesk; and the page of phones."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
import segno
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.api.provider import CLIENT, SECRET, OpenIdProvider
from tests.api.serving import Serving
from tests.browser.conftest import Begin
from tests.browser.office import LOCALES, check_every_screen, check_everybody_can_read
from tests.browser.phone import Phones

WANG = {"sub": "44c0", "preferred_username": "wang", "name": "Wang", "role": "supervisor"}
LING = {"sub": "b7e1", "preferred_username": "ling", "name": "Ling Wu", "role": "agent"}


@pytest.fixture(scope="module")
def running() -> Iterator[OpenIdProvider]:
    with OpenIdProvider() as provider:
        yield provider


@pytest.fixture(scope="module")
def house(begin: Begin, running: OpenIdProvider) -> Serving:
    """Where everybody signs in; a helpdesk of another site may show the desk."""
    config = f'[oidc]\nissuer = "{running.issuer}"\nclient_id = "{CLIENT}"\nclient_secret = "{SECRET}"\n'
    return begin(config, auth="required", frame_ancestors="http://localhost:*")


@pytest.fixture
def provider(running: OpenIdProvider) -> OpenIdProvider:
    running.reset()
    running.person = dict(WANG)
    return running


@pytest.fixture
def context(browser: Browser, provider: OpenIdProvider) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport={"width": 1024, "height": 800}, locale="en-GB")
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    complaints: list[str] = []
    page = context.new_page()
    page.on("console", lambda said: complaints.append(said.text) if "Content Security" in said.text else None)
    yield page
    assert not complaints


@contextmanager
def helpdesk(upheld: str) -> Iterator[str]:
    """A page of another site that shows the desk in a frame; its address."""
    body = f'<!doctype html><title>Helpdesk</title><iframe src="{upheld}/desk?embed=1" width=400 height=600></iframe>'

    class Answering(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answering) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://localhost:{server.server_port}/"
        server.shutdown()


def sign_in(page: Page, house: Serving, path: str = "/") -> None:
    page.goto(house.url + path)
    page.get_by_role("link", name="Sign in").click()
    page.get_by_role("button", name="Sign out").wait_for()
    page.wait_for_load_state()


def test_a_supervisor_signs_in_goes_on_to_where_he_wanted_and_signs_out(
    page: Page, house: Serving, provider: OpenIdProvider
) -> None:
    sign_in(page, house, "/board?by=recipient")
    assert page.url == f"{house.url}/board?by=recipient"
    assert page.evaluate("document.cookie") == ""
    check_everybody_can_read(page)
    check_every_screen(page)
    page.get_by_role("link", name="Upheld").click()
    expect(page.get_by_role("heading", name="Wang")).to_be_visible()
    page.wait_for_load_state()
    names = page.locator(".roles b").all_inner_texts()
    assert names == ["I promise", "I see to it", "I keep it", "I look into it"]
    check_everybody_can_read(page)

    page.get_by_role("button", name="Sign out").click()

    page.get_by_role("link", name="Sign in").wait_for()
    assert provider.asked[-1] == "logout"
    page.go_back()
    page.get_by_role("link", name="Sign in").wait_for()
    page.goto(house.url + "/board")
    assert page.url == f"{house.url}/?return_to=%2Fboard"


def test_an_agent_is_led_to_what_is_his_and_told_what_is_not(
    page: Page, house: Serving, provider: OpenIdProvider
) -> None:
    provider.person = dict(LING)
    sign_in(page, house)
    assert page.locator(".roles b").all_inner_texts() == ["I promise", "I keep it"]
    assert page.locator("header nav a").all_inner_texts() == ["Upheld", "Desk", "Phone"]
    page.goto(house.url + "/board/phones?person=supervisor:wang")
    expect(page.get_by_role("heading", name="This is not for you to see")).to_be_visible()
    assert page.get_by_role("button", name="Pair a phone").count() == 0


@pytest.mark.parametrize(("locale", "words"), [("en", "Sign in"), ("zh_CN", "登录"), ("bg", "Вход")], ids=str)
def test_the_way_in_and_the_word_that_there_is_none_are_in_the_readers_language(
    browser: Browser, house: Serving, provider: OpenIdProvider, locale: str, words: str
) -> None:
    context = browser.new_context(locale=LOCALES[locale], viewport={"width": 360, "height": 640})
    page = context.new_page()
    page.goto(house.url)
    expect(page.get_by_role("heading", name=words)).to_be_visible()
    check_everybody_can_read(page, locale)
    page.goto(house.url + "/desk?embed=1&order_id=SO-1")
    page.locator("#code").wait_for()
    check_everybody_can_read(page, locale)
    provider.person["role"] = "visitor"
    page.goto(house.url + "/sign-in")
    page.get_by_role("alert").wait_for()
    check_everybody_can_read(page, locale)
    context.close()


def test_a_phone_is_paired_by_the_picture_and_ended_from_the_page_of_phones(
    page: Page, house: Serving, phones: Phones
) -> None:
    sign_in(page, house, "/board/phones")
    page.get_by_label("Whose?").fill("courier:li")
    page.get_by_role("button", name="Show").click()
    page.get_by_text("No phone is paired.").wait_for()
    page.get_by_role("button", name="Pair a phone").click()
    code = page.locator(".code strong").inner_text().replace(" ", "")
    check_everybody_can_read(page)
    check_every_screen(page)
    drawn = segno.make_qr(f"{house.url}/courier#pair={code}", error="m").svg_inline()
    assert modules(page.locator("svg.segno").evaluate("picture => picture.outerHTML")) == modules(drawn)

    phone = phones(house.url)
    phone.visit(f"#pair={code}")
    phone.tap("Pair this phone")
    phone.page.get_by_role("heading", name="Today").wait_for()

    page.goto(house.url + "/board/phones?person=courier:li")
    check_everybody_can_read(page)
    page.get_by_role("button", name="Lost: end it").click()
    page.get_by_text("It is over, at this very moment.").wait_for()
    phone.shows("This phone is not signed in any more.")
    page.goto(house.url + "/board/phones?person=nobody")
    page.get_by_role("alert").wait_for()


def modules(picture: str) -> str:
    """Where the picture of a code is dark."""
    return str(re.findall(r' d="([^"]*)"', picture)[-1])


def test_the_desk_in_a_helpdesk_of_another_site_is_signed_in_by_a_code(
    page: Page, context: BrowserContext, house: Serving, provider: OpenIdProvider
) -> None:
    provider.person = dict(LING)
    with helpdesk(house.url) as url:
        page.goto(url)
        frame = page.frame_locator("iframe")
        with context.expect_page() as opened:
            frame.get_by_role("link", name="Sign in, in a window of its own").click()
        window = opened.value
        window.get_by_role("button", name="Show a code").click()
        code = window.locator(".code strong").inner_text()
        frame.get_by_label("The code that it shows you").fill("AAAA AAAA")
        frame.get_by_role("button", name="Go on").click()
        frame.get_by_role("alert").wait_for()
        frame.get_by_label("The code that it shows you").fill(code)
        frame.get_by_role("button", name="Go on").click()
        frame.locator("#line").wait_for()
        page.goto(url)
        page.frame_locator("iframe").locator("#line").wait_for()
    [cookie] = [one for one in context.cookies() if one["name"] == "__Host-upheld-embed"]
    assert (cookie["sameSite"], cookie["secure"], cookie["httpOnly"]) == ("None", True, True)
    assert cookie.get("partitionKey")
