"""Four stories that customers told in public about promises made to them; they are what the demo shows.

Each is a script of plain steps through the HTTP API, in `script`'s words. The facts are theirs, the words are ours.
"""

from typing import Final

from api.stories.already_out import ALREADY_OUT
from api.stories.big_invoice import BIG_INVOICE
from api.stories.cable import CABLE, DECLINED, LONGER_CABLE, NEVER_CAME, REASSIGNED
from api.stories.script import Story
from api.stories.three_working_days import THREE_WORKING_DAYS

__all__ = ["STORIES"]

STORIES: Final[tuple[Story, ...]] = (
    CABLE,
    REASSIGNED,
    LONGER_CABLE,
    DECLINED,
    NEVER_CAME,
    ALREADY_OUT,
    THREE_WORKING_DAYS,
    BIG_INVOICE,
)
"""The cable comes with its four variants, as cases of other families."""
