"""The stages that customers pass through, from whole logs."""

from clm.journeys._coded import Coded
from clm.journeys._cycles import Cycles
from clm.journeys._funnel import StageFunnel
from clm.journeys._funnel_result import Funnel
from clm.journeys._joined import StageLogs
from clm.journeys._log import StageLog
from clm.journeys._occupancy import Occupancy
from clm.journeys._paths import StagePaths
from clm.journeys._placed import StageAt, Upcoming
from clm.journeys._replay import replay_arrays
from clm.journeys._silence import TimeoutLengths, timeout_lengths
from clm.journeys._stage_times import StageTimes
from clm.journeys._step_matrix import StepMatrix
from clm.journeys._transitions import TransitionMatrix
from clm.journeys._visits import Columns, Visits

__all__ = [
    "Coded",
    "Columns",
    "Cycles",
    "Funnel",
    "Occupancy",
    "StageAt",
    "StageFunnel",
    "StageLog",
    "StageLogs",
    "StagePaths",
    "StageTimes",
    "StepMatrix",
    "TimeoutLengths",
    "TransitionMatrix",
    "Upcoming",
    "Visits",
    "replay_arrays",
    "timeout_lengths",
]
