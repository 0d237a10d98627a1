"""From a customer base to a whole report: each part computed, or saying why it cannot be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from clm import __version__
from clm.errors import ClmError, InvalidDataError, MissingExtraError
from clm.metrics import CustomerBase, Scorecard, scorecard
from clm.report import _answers, _card, _purchases, _retention, _stages, _value
from clm.report._headlines import headlines
from clm.report._model import Part, Report, Section, Table
from clm.report._numbers import attempt
from clm.report._options import Options
from clm.report._tracking import check

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from clm.data import Discount

T = TypeVar("T")
_ALWAYS = (
    "A confidence interval bounds an expectation or a share; a prediction interval bounds what will be counted.",
    "Intervals hold if the data are complete and the model describes the customers.",
    "Customers of two periods are not two random groups: a change between them does not say what moved it.",
)


def build(
    subject: Any,
    *,
    title: str = "Customer lifecycle",
    targets: Mapping[str, float] | None = None,
    baseline: Any = None,
    years: float = 1.0,
    margin: float = 1.0,
    discount: Discount | None = None,
    step: Callable[[str], object] | None = None,
) -> Report:
    """Compute everything that a page shows.

    Parameters
    ----------
    subject
        A `CustomerBase` for the whole page, a `Scorecard` for its table alone, or a `Report` as it is.
    title
        Heading of the page.
    targets, baseline
        As in ``clm.scorecard``; for a base only.
    years
        How far ahead value is expected.
    margin
        Share of revenue that is kept, as a fraction.
    discount
        Rate at which later money is worth less; by default none.
    step
        Called with a few words before each step, for a progress line.

    Returns
    -------
    Report
        A part that cannot be computed says why in its place.

    Raises
    ------
    InvalidDataError
        If the subject is none of these, an option is out of range, or a table of the base cannot be read.
    MissingExtraError
        If matplotlib is not installed.

    Examples
    --------
    >>> base = clm.CustomerBase(answers={"kind": ["nps"] * 4, "at": ["2025-03-01"] * 4, "score": [10, 9, 8, 3]})
    >>> report = clm.report.build(base)
    >>> [section.title for section in report.sections][:2]
    ['Stages', 'Retention']
    """
    options = Options(years=years, margin=margin, discount=discount)
    if isinstance(subject, Report):
        return subject
    if isinstance(subject, Scorecard):
        if targets is not None or baseline is not None:
            raise InvalidDataError("a scorecard has its targets and baseline already. Give them to clm.scorecard.")
        return _of_card(subject, title)
    if not isinstance(subject, CustomerBase):
        raise InvalidDataError(
            f"a report is made of a CustomerBase or a Scorecard, not {type(subject).__name__}."
            " Build one with clm.CustomerBase(orders=...)."
        )
    return _of_base(subject, title, targets, baseline, options, step or (lambda _: None))


def _of_card(card: Scorecard, title: str) -> Report:
    part = _card.card_part(card)
    return Report(
        title=title,
        subtitle=f"Scorecard, {card.scope}",
        sections=(Section(name="metrics", title="Scorecard", parts=(part,)),),
        definitions=_definitions(card),
        caveats=(*_ALWAYS, *_caveats(card)),
        version=__version__,
    )


def _of_base(
    base: CustomerBase,
    title: str,
    targets: Mapping[str, float] | None,
    baseline: Any,
    options: Options,
    step: Callable[[str], object],
) -> Report:
    step("measuring the scorecard")
    card = scorecard(base, targets=targets, baseline=baseline)
    step("replaying stages")
    stages = (
        attempt("occupancy", "Customers by stage", lambda: _stages.occupancy_part(base)),
        attempt("funnel", "How far customers got", lambda: _stages.funnel_part(base)),
    )
    step("counting who came back")
    cohorts = _tried(lambda: _retention.cohorts(base))
    retention = (
        attempt("cohorts", "Who came back, by cohort", lambda: _retention.table_part(_given(cohorts))),
        attempt("curve", "Who came back, by age", lambda: _retention.curve_part(_given(cohorts))),
    )
    step("checking the purchase model on a holdout")
    checked = _tried(lambda: check(base))
    purchases = (
        attempt("alive", "Who is probably still a customer", lambda: _purchases.alive_part(base)),
        attempt("tracking", "Does the model predict?", lambda: _purchases.tracking_part(_given(checked))),
        attempt("models", "The models behind it", lambda: _purchases.model_part(base), wide=True),
    )
    step("valuing customers")
    values = _tried(lambda: _value.expected_values(base, options))
    value = (
        attempt("value", "Expected value per customer", lambda: _value.value_part(base, _given(values), options)),
        attempt("earned", "Value so far", lambda: _value.earned_part(base, options)),
    )
    step("scoring answers")
    answers = (attempt("scores", "Satisfaction scores", lambda: _answers.scores_part(base), wide=True),)
    parts = (*stages, *retention, *purchases, *value, *answers)
    return Report(
        title=title,
        subtitle=_subtitle(base),
        headlines=headlines(base, checked, values, options),
        sections=(
            Section(name="stages", title="Stages", parts=stages),
            Section(name="retention", title="Retention", parts=retention),
            Section(name="purchases", title="Purchases", parts=purchases),
            Section(name="money", title="Value", parts=value),
            Section(name="satisfaction", title="Satisfaction", parts=answers),
            Section(name="metrics", title="Scorecard", parts=(_card.card_part(card),)),
        ),
        definitions=_definitions(card),
        dropped=_dropped(base),
        caveats=tuple(dict.fromkeys((*_ALWAYS, *_missing(parts), *_caveats(card)))),
        version=__version__,
    )


def _tried(compute: Callable[[], T]) -> T | str:
    """Return a result that several parts share, or the reason why there is none."""
    try:
        return compute()
    except MissingExtraError:
        raise
    except ClmError as error:
        return str(error)


def _given(result: T | str) -> T:
    if isinstance(result, str):
        raise InvalidDataError(result)
    return result


def _subtitle(base: CustomerBase) -> str:
    given = [name for name in ("orders", "touchpoints", "customers", "answers", "channels") if base.lacks(name) is None]
    if base.touchpoints is None and "touchpoints" in given:
        given.remove("touchpoints")
    return f"{base.scope[:1].upper()}{base.scope[1:]}; measured from {', '.join(given) or 'no table'}"


def _definitions(card: Scorecard) -> tuple[tuple[str, str], ...]:
    return tuple((row.name, row.definition) for row in card.rows)


def _caveats(card: Scorecard) -> tuple[str, ...]:
    return tuple(f"{row.name}: {caveat}" for row in card.rows for caveat in row.estimate.caveats)


def _missing(parts: tuple[Part, ...]) -> tuple[str, ...]:
    names = [part.title for part in parts if part.missing is not None]
    return (f"Not computed, for the reasons given in their places: {', '.join(names)}.",) if names else ()


def _dropped(base: CustomerBase) -> Table | None:
    rows = tuple(
        (table, reason, f"{count:,}") for table, reasons in base.dropped.items() for reason, count in reasons.items()
    )
    if not rows:
        return None
    return Table(caption="Rows left out", head=("table", "reason", "rows"), rows=rows, numeric=frozenset({2}))
