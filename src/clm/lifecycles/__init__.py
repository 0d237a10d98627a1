"""Ready-made lifecycles, one function each."""

from clm.lifecycles._aarrr import aarrr
from clm.lifecycles._aida import aida
from clm.lifecycles._attraction import attraction
from clm.lifecycles._awareness import awareness
from clm.lifecycles._crm import crm
from clm.lifecycles._five_stage import five_stage
from clm.lifecycles._flywheel import flywheel
from clm.lifecycles._hubspot import hubspot
from clm.lifecycles._names import by_name, names, usual_metrics
from clm.lifecycles._opportunity import opportunity
from clm.lifecycles._race import race
from clm.lifecycles._retail import retail
from clm.lifecycles._saas import saas
from clm.lifecycles._subscription import subscription
from clm.lifecycles._ticket import ticket

__all__ = [
    "aarrr",
    "aida",
    "attraction",
    "awareness",
    "by_name",
    "crm",
    "five_stage",
    "flywheel",
    "hubspot",
    "names",
    "opportunity",
    "race",
    "retail",
    "saas",
    "subscription",
    "ticket",
    "usual_metrics",
]
