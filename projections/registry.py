"""All projections, in the order in which a page of the log is written to them."""

from collections.abc import Sequence

from projections.commitments import COMMITMENTS
from projections.flags import FLAGS
from projections.history import HISTORY
from projections.projection import Projection
from projections.scorecard import SCORECARD
from projections.tasks import TASKS

__all__ = ["PROJECTIONS"]

PROJECTIONS: Sequence[Projection] = (COMMITMENTS, TASKS, FLAGS, HISTORY, SCORECARD)
