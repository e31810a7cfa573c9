"""A supervisor's night, which the tests of the board share."""

from tests.api.serving import Serving

__all__ = ["NUMBER", "PROMISE", "Night"]

PROMISE = "Ще донесем кабела <b>утре</b> до 18 ч. & 免费送货上门"
NUMBER = "+8613800138000"


class Night:
    """A supervisor's night: a courier with a number who does not know of a promise, and others that are overdue."""

    def __init__(self, serving: Serving) -> None:
        self.serving = serving
        self.oms = serving.by("system:oms")
        self.agent = self.oms.by("agent:ling")
        self.supervisor = self.oms.by("supervisor:wang")
        channels = [f"signal://gateway.example/+15551230000/{NUMBER}"]
        people = {"courier:li": ("Li Wei", channels), "supervisor:wang": ("Wang Fang", []), "agent:ling": ("Ling", [])}
        for actor, (name, ways) in people.items():
            self.supervisor.put(f"/v1/people/{actor}", {"name": name, "time_zone": "Asia/Shanghai", "channels": ways})
        self.urgent = self.unread("SO-1", hours=1)
        for number in range(2, 5):
            self.unread(f"SO-{number}", hours=3 + number)
        self.oms.all_taken_in()

    def unread(self, order: str, *, hours: float, recipient: str = "courier:li") -> str:
        """A promise whose receipt has been due for some time."""
        made_at = self.oms.at(hours=-20)
        self.oms.assign(order, recipient, depot="north")
        id = self.oms.promise(order_id=order, promise=PROMISE, made_at=made_at, due=self.oms.due(hours=hours))["id"]
        self.oms.by(recipient).command(id, "receipts", {"revision": 1, "state": "declined", "reason": "No room"})
        self.supervisor.get("/v1/flags", limit=1)  # what the board reads is there by now
        return str(id)
