"""``clm demo``: the lifecycle of a real customer base, on the terminal and as a page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clm.cli._lists import aligned
from clm.cli._progress import Progress
from clm.datasets import cdnow
from clm.metrics import CustomerBase, scorecard
from clm.report import build, check, to_html
from clm.report._file import check_writable, write_whole

if TYPE_CHECKING:
    from clm.report import Check

THROUGH = "1998-06-30"


def demo(output: str) -> None:
    """Print the lifecycle of CDNOW's customers and write the page.

    Parameters
    ----------
    output
        Where the page goes.

    Raises
    ------
    InvalidDataError
        If the page cannot be written.
    """
    check_writable(output)
    with Progress() as progress:
        progress.step("measuring CDNOW's customers")
        base = CustomerBase(orders=cdnow(), through=THROUGH, currency="USD")
        checked = check(base)
        blocks = (_opening(base), _stages(base), _funnel(base), _model(checked), _prediction(checked))
        card = repr(scorecard(base))
        page = to_html(build(base, title="Customer lifecycle of CDNOW", step=progress.step))
        write_whole(output, page)
    print("\n\n".join((*blocks, card, _absent())))
    print(f"\nThe page with all figures: {output}")


def _opening(base: CustomerBase) -> str:
    rfm = base.rfm
    spent = "" if rfm.value_total is None else f", {rfm.value_total.sum():,.0f} {base.currency}"
    return (
        "CDNOW: customers who first bought in January to March 1997 (the 1/10 sample of Fader and Hardie)\n"
        f"{rfm.n:,} customers, {len(base.columns('orders')['at']):,} orders{spent}, {base.scope}"
    )


def _stages(base: CustomerBase) -> str:
    result = base.stage_log.occupancy("month")
    now = result.counts[-1].tolist()
    rows = [(stage, f"{count:,}", f"{count / sum(now):.1%}") for stage, count in zip(result.stages, now, strict=True)]
    return f"Stages, {base.scope}\n{aligned(('stage', 'customers', 'share'), rows, right=(1, 2))}"


def _funnel(base: CustomerBase) -> str:
    result = base.stage_log.funnel()
    limits = result.conversion.confidence_interval()
    rows = [
        (stage, f"{count:,}", f"{share:.1%}", f"{low:.1%} to {high:.1%}")
        for stage, count, share, low, high in zip(
            result.stages, result.counts.tolist(), result.conversion.value, limits.low, limits.high, strict=True
        )
    ]
    head = ("reached", "customers", "of all", "95% interval")
    return f"How far they got\n{aligned(head, rows, right=(1, 2, 3))}"


def _model(checked: Check) -> str:
    fit = checked.fit
    intervals = fit.confidence_interval()
    rows = [
        (name, f"{value:.4f}", f"{fit.standard_errors[name]:.4f}", "{:.3f} to {:.3f}".format(*intervals[name]))
        for name, value in fit.params.items()
    ]
    head = ("parameter", "estimate", "standard error", "95% interval")
    return (
        f"BG/NBD fitted to the orders through {checked.calibrated_through}, in {fit.unit}s:"
        f" log-likelihood {fit.loglik:,.2f}\n{aligned(head, rows, right=(1, 2, 3))}"
    )


def _prediction(checked: Check) -> str:
    low, high = checked.interval
    where = "above" if checked.actual > high else "below" if checked.actual < low else "inside"
    return (
        f"The next {checked.holdout.duration:g} {checked.holdout.unit}s, unseen by the model: {checked.expected:,.0f}"
        f" purchases predicted, 95% prediction interval {low:,.0f} to {high:,.0f};\n"
        f"{checked.actual:,.0f} came, {where} the interval"
    )


def _absent() -> str:
    return (
        "CDNOW has orders only. With touchpoints (customer, time, kind) you would see reach, sign-ups and referrals;\n"
        "with answers (time, kind, score) NPS, CSAT and CES; with channels (channel, time, cost) what a customer costs."
    )
