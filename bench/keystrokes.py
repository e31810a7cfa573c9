"""How long it takes to record a promise: real keys in a real browser, at the pace of somebody who types well.

Each sentence is typed into the line of the desk; once its words have come to something that can be seen, Enter is
pressed, and the time ends with the promise that is shown as recorded. How long somebody reads is not in it. The fingers
are never quicker than the pace, and Chinese is typed as an input method has it: by the letters of its sounds, with a
space for each phrase.
"""

import asyncio
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs

import httpx
from playwright.async_api import Page, Response, async_playwright

from bench.measure import Figure, Goal, Options, figure
from bench.processes import serving

__all__ = ["GOALS", "SENTENCES", "Sentence", "typing"]

_KEYS_A_SECOND = 8.0
_CONFIG = '[defaults]\ntime_zone = "Asia/Shanghai"\ncalendar = "CN"\n'
_SLOWEST, _MOST = "the slowest of them", "the longest of them"
_SEEN = "document.querySelector('#look [name=seen]').value !== ''"

GOALS = (Goal(_SLOWEST, "s", at_most=10), Goal(_SLOWEST, "s beside the keys", at_most=1))


@dataclass(frozen=True, slots=True)
class Sentence:
    """What is typed: pieces, each with the keys that make it where those are not its own characters; then other keys,
    by which a doubt is settled.
    """

    pieces: tuple[tuple[str, str], ...]
    then: tuple[str, ...] = ()

    @classmethod
    def plain(cls, text: str, *then: str) -> "Sentence":
        return cls(tuple((one, one) for one in text), then)

    @classmethod
    def sounded(cls, text: str, *then: str) -> "Sentence":
        """Phrases with their sounds, between bars.

        >>> Sentence.sounded("明天:mingtian|6点:6dian").keys
        16
        """
        pieces = (phrase.partition(":") for phrase in text.split("|"))
        return cls(tuple((said, f"{sounds} " if sounds else said) for said, _, sounds in pieces), then)

    @property
    def text(self) -> str:
        return "".join(said for said, _ in self.pieces)

    @property
    def keys(self) -> int:
        """All keys that are pressed, Enter included; Shift and Alt count with the key that they change."""
        return sum(len(keys) for _, keys in self.pieces) + len(self.then) + 1


SENTENCES = (
    Sentence.plain("refund within three working days, SO-1001"),
    Sentence.plain("free HDMI cable with the redelivery, SO-1002"),
    Sentence.plain("redelivery tomorrow by 6 pm, SO-1003"),
    Sentence.plain("call back in half an hour, SO-1004"),
    Sentence.plain("invoice by tomorrow noon, SO-1005"),
    Sentence.plain("call back by 6, SO-1006", "Tab", "Space"),
    Sentence.plain("ще ви се обадя след половин час, SO-1007"),
    Sentence.plain("връщане на парите до 3 работни дни, SO-1008"),
    Sentence.sounded("明天:mingtian|下午:xiawu|6|点前:dianqian|重新:chongxin|配送:peisong|SO-1009"),
    Sentence.sounded("三个:sange|工作日:gongzuori|内:nei|退款:tuikuan|SO-1010"),
)


async def typing(options: Options) -> list[Figure]:
    """Each sentence on a page that is just opened, as often as there are rounds."""
    config = options.folder / "typing.toml"
    config.write_text(_CONFIG)
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        raise RuntimeError("there is no chromium on this machine")
    async with serving(options.folder / "typing", config=config) as served, async_playwright() as playwright:
        url = f"http://127.0.0.1:{served.port}"
        await _known(url)
        browser = await playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        context = await browser.new_context(viewport={"width": 1280, "height": 800})
        await context.add_cookies([{"name": "upheld_actor", "value": "agent:ling", "url": url}])
        page = await context.new_page()
        took = [[await _record(page, url, one) for _ in range(options.rounds)] for one in SENTENCES]
        await browser.close()
    return _figures(took)


async def _known(url: str) -> None:
    """An order and a customer for each sentence, as the shop's system tells of them."""
    due = {"at": (datetime.now(UTC) + timedelta(days=9)).isoformat()}
    async with httpx.AsyncClient(base_url=url, headers={"X-Actor": "system:oms"}, trust_env=False) as oms:
        for number in range(1, len(SENTENCES) + 1):
            body = {"order_id": f"SO-{1000 + number}", "customer_id": f"CU-{number}", "kind": "delivery"}
            made = await oms.post("/v1/commitments", json={**body, "promise": "It comes next week", "due": due})
            made.raise_for_status()


async def _record(page: Page, url: str, sentence: Sentence) -> float:
    """Seconds from the first key until the promise is shown as recorded."""
    await page.goto(f"{url}/desk")
    await page.locator("#line:focus").wait_for()
    began, pressed = time.perf_counter(), 0
    async with page.expect_response(lambda answer: _is_of(answer, sentence.text, settled=False)):
        for said, keys in sentence.pieces:
            pressed += len(keys)
            await _until(began + pressed / _KEYS_A_SECOND)
            await page.keyboard.type(said)
    if sentence.then:
        async with page.expect_response(lambda answer: _is_of(answer, sentence.text, settled=True)):
            for key in sentence.then:
                pressed += 1
                await _until(began + pressed / _KEYS_A_SECOND)
                await page.keyboard.press(key)
    await page.wait_for_function(_SEEN)
    await _until(began + (pressed + 1) / _KEYS_A_SECOND)
    await page.keyboard.press("Enter")
    await page.locator("#made").wait_for()
    return time.perf_counter() - began


def _is_of(answer: Response, line: str, *, settled: bool) -> bool:
    """Whether it says what the whole line comes to, with its doubt settled or before."""
    if not answer.url.endswith("/desk/look"):
        return False
    sent = parse_qs(answer.request.post_data or "")
    return sent.get("line") == [line] and ("due_choice" in sent) == settled


async def _until(instant: float) -> None:
    await asyncio.sleep(max(instant - time.perf_counter(), 0.0))


def _figures(took: Sequence[Sequence[float]]) -> list[Figure]:
    found = []
    for sentence, seconds in zip(SENTENCES, took, strict=True):
        found.append(figure(sentence.text, "keys", [sentence.keys]))
        found.append(figure(sentence.text, "s", seconds))
    beside = [max(seconds) - sentence.keys / _KEYS_A_SECOND for sentence, seconds in zip(SENTENCES, took, strict=True)]
    return [
        *found,
        figure(_MOST, "keys", [max(sentence.keys for sentence in SENTENCES)]),
        figure(_SLOWEST, "s", [max(map(max, took))]),
        figure(_SLOWEST, "s beside the keys", [max(beside)]),
    ]
