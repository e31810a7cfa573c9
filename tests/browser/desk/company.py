"""A shop in whose name agents promise."""

from datetime import UTC, datetime, timedelta

from playwright.sync_api import Page, expect

from tests.api.serving import Api, Serving

__all__ = ["CONFIG", "FRAMED_BY", "TEN_O_CLOCK", "Company", "typed"]

CONFIG = '[defaults]\ntime_zone = "Asia/Shanghai"\ncalendar = "CN"\n'
TEN_O_CLOCK = datetime(2027, 3, 2, 2, tzinfo=UTC)
"""On a Tuesday morning, in Shanghai."""
FRAMED_BY = "https://helpdesk.example.com"


class Company:
    """A shop in Shanghai: Li carries one order tomorrow; Bo left with another this morning."""

    def __init__(self, serving: Serving) -> None:
        self.url = serving.url
        self.oms = serving.by("system:oms")
        self.oms.move_clock(TEN_O_CLOCK)
        supervisor = self.oms.by("supervisor:wang")
        for actor, name in (("courier:li", "Li"), ("agent:mei", "Mei")):
            supervisor.put(f"/v1/people/{actor}", {"name": name, "locale": "en", "time_zone": "Asia/Shanghai"})
        tomorrow = TEN_O_CLOCK + timedelta(hours=21, minutes=30)
        self.oms.assign("SO-1001", "courier:li", departs_at=tomorrow.isoformat())
        self.oms.assign("SO-1002", "courier:bo", departs_at=(TEN_O_CLOCK - timedelta(hours=2)).isoformat())
        for number in (1, 2, 3):
            due = {"date": "2027-03-05"}
            self.oms.promise("delivery", order_id=f"SO-100{number}", customer_id=f"CU-{number}", due=due)

    @property
    def agent(self) -> Api:
        return self.oms.by("agent:mei")

    def promised(self, order_id: str) -> list[dict[str, object]]:
        """What agents promised with an order, newest first."""
        items: list[dict[str, object]] = self.agent.get("/v1/commitments", order_id=order_id)["items"]
        return [item for item in items if item["made_by"] != "system:oms"]


def typed(page: Page, line: str, seen: str) -> None:
    """An agent types a line, and reads what it comes to."""
    page.keyboard.type(line)
    expect(page.locator("#look")).to_contain_text(seen)
