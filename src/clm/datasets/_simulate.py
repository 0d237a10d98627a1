"""A customer base with one latent customer behind visits, orders, answers and costs: metrics have a truth to find."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Final, final

import numpy as np
from attrs import frozen
from scipy import special

from clm.errors import InvalidDataError
from clm.stats import array_field, frozen_array

if TYPE_CHECKING:
    from clm.metrics import CustomerBase
    from clm.typing import Array, BoolArray, FloatArray, IntArray, RandomState

_START: Final = np.datetime64("2023-01-01", "us")
_THROUGH: Final = "2024-12-31"
_DAYS: Final = 731  # from the start to the end of that day
_DAY: Final = 86_400.0  # times are seconds since the start until they become instants

# Weekly purchase rates are Gamma(r, alpha), dropout after a repeat purchase Beta(a, b): the BG/NBD model.
_R, _ALPHA, _A, _B = 0.8, 8.0, 0.8, 2.5
# Amounts are Gamma(p, nu), nu is Gamma(q, v): the Gamma-Gamma model; mean p v / (q - 1) = 35.22.
_P, _Q, _V = 6.25, 3.74, 15.44

# Acquisition channels: share of first visits, price of one, P(sign-up), P(order | sign-up), impressions a click.
_CHANNELS: Final = ("search", "social", "email", "affiliate", "referral")
_SHARE: Final = np.array([0.35, 0.25, 0.15, 0.15, 0.10])
_PRICE: Final = np.array([6.0, 3.0, 0.5, 8.0, 0.0])
_SIGN_UP: Final = np.array([0.80, 0.70, 0.85, 0.75, 0.95])
_ORDER: Final = np.array([0.75, 0.60, 0.80, 0.70, 0.85])
_IMPRESSIONS: Final = np.array([20.0, 80.0, 12.0, 30.0, 4.0])
_FOLLOWS: Final = np.array([0.0, 0.3, 0.6, 0.0, 0.1])  # followers gained a click
_DIRECT: Final = len(_CHANNELS)  # later visits that no channel brought


def simulate_base(customers: int, *, rng: RandomState = 0) -> CustomerBase:
    """Simulate two years of a shop, through 2024-12-31, from one latent satisfaction behind everything.

    Each customer has a satisfaction drawn from the standard normal. It makes him stay longer, refer more often and
    answer every survey better; how often he buys while he stays, and how much he spends, are independent of it.

    Parameters
    ----------
    customers
        Customers to simulate, from 1 on; somewhat more than half of them buy.
    rng
        Seed or generator. The same seed gives the same bytes.

    Returns
    -------
    CustomerBase
        Tables as mappings of read-only columns, sorted by time, instants in UTC:

        * ``touchpoints`` customer_id, at, kind (``visit``, ``signed_up``, ``support``, ``referral``), channel;
        * ``orders`` order_id, customer_id, at, amount;
        * ``customers`` customer_id, acquired_at (the first visit), channel;
        * ``answers`` customer_id, at, kind (``nps`` 0 to 10, ``csat`` 1 to 5, ``ces`` 1 to 7), score;
        * ``channels`` channel, at (start of a week), impressions, visits, clicks, followers, cost.

    Raises
    ------
    InvalidDataError
        If `customers` is not a whole number from 1 on.

    Notes
    -----
    What is true in it, for tests and lessons to find:

    * First visits are uniform over 2023 and 2024. Of those who come through search, social, email, affiliate and
      referral (shares .35, .25, .15, .15, .10) 80, 70, 85, 75 and 95 percent sign up, after 3 days on average, and of
      those 75, 60, 80, 70 and 85 percent order, 10 days later on average: 57.65 percent of all, in the long run.
    * A first visit costs 6, 3, 0.50, 8 and 0 by channel, and nothing else costs: 7.16 per new customer in the long run.
    * Repeat orders follow BG/NBD [1]_ with r .8, alpha 8 (weeks), a .8, b 2.5; amounts follow Gamma-Gamma [2]_ with
      p 6.25, q 3.74, v 15.44, mean 35.22, independent of the rest.
    * The chance to drop out falls with satisfaction, without noise; the log-odds of a referral within three weeks of
      an order are -2.5 plus satisfaction.
    * NPS is asked once, 30 days after the first order; 40 percent answer, whatever they think. The score is a normal
      with mean 8.2, satisfaction times 1.6 and noise of 1.2, rounded and cut to the scale: NPS 24.3 in the long run.
      CSAT follows an order (25 percent answer), so that it leans to those who stay; CES follows a support contact.

    References
    ----------
    .. [1] Fader, Hardie and Lee (2005), Marketing Science 24(2), 275-284.
    .. [2] Fader, Hardie and Lee (2005), Journal of Marketing Research 42(4), 415-430.

    Examples
    --------
    >>> base = clm.datasets.simulate_base(1000, rng=1)
    >>> sorted(set(base.touchpoints["kind"].tolist()))
    ['referral', 'signed_up', 'support', 'visit']
    """
    try:
        count = operator.index(customers)
    except TypeError:
        count = 0
    if count < 1:
        raise InvalidDataError(f"customers must be a whole number from 1 on, not {customers!r}.")
    # Imported here, so that the bundled orders do not wait for every model behind the metrics.
    from clm.metrics import CustomerBase
    from clm.satisfaction import Scale

    random = np.random.default_rng(rng)
    people = _people(count, random)
    orders = _orders(people, random)
    support = _after(orders, random.random(len(orders.customer)) < 0.1, random.uniform(1, 5, len(orders.customer)))
    touchpoints = _touchpoints(people, orders, support, random)
    return CustomerBase(
        orders=_order_table(orders),
        touchpoints=_touchpoint_table(touchpoints),
        customers={
            "customer_id": frozen_array(np.arange(1, count + 1)),
            "acquired_at": _instants(people.arrived),
            "channel": _names(people.channel),
        },
        answers=_answer_table(people, orders, support, random),
        scales={"nps": Scale.nps(), "csat": Scale(1, 5), "ces": Scale(1, 7)},
        channels=_channel_table(people, touchpoints, random),
        through=_THROUGH,
    )


@final
@frozen
class _People:
    """One row a customer; times in seconds since the start, infinite for what never comes."""

    satisfaction: FloatArray = array_field()
    channel: IntArray = array_field()
    arrived: FloatArray = array_field()
    signed_up: FloatArray = array_field()
    first_order: FloatArray = array_field()


@final
@frozen
class _Happenings:
    """One row a happening: whose and when; with what it brought."""

    customer: IntArray = array_field()
    at: FloatArray = array_field()
    amount: FloatArray | None = array_field(default=None)
    kind: IntArray | None = array_field(default=None)
    channel: IntArray | None = array_field(default=None)


_KINDS: Final = ("visit", "signed_up", "support", "referral")


def _people(count: int, random: np.random.Generator) -> _People:
    channel = random.choice(len(_CHANNELS), count, p=_SHARE)
    arrived = np.floor(random.uniform(0, _DAYS * _DAY, count))
    signs_up = random.random(count) < _SIGN_UP[channel]
    signed_up = np.where(signs_up, arrived + 60 + random.exponential(3 * _DAY, count), np.inf)
    buys = random.random(count) < _ORDER[channel]
    first_order = np.where(buys, signed_up + 60 + random.exponential(10 * _DAY, count), np.inf)
    return _People(random.standard_normal(count), channel, arrived, signed_up, first_order)


def _orders(people: _People, random: np.random.Generator) -> _Happenings:
    """Buy till you drop: a Poisson process cut off after the repeat purchase at which the customer left."""
    buyer = np.flatnonzero(people.first_order < _DAYS * _DAY)
    rate = random.gamma(_R, 1 / _ALPHA, buyer.size) / (7 * _DAY)
    dropout = special.betaincinv(_A, _B, special.ndtr(-people.satisfaction[buyer]))
    remaining = _DAYS * _DAY - people.first_order[buyer]
    possible = random.poisson(rate * remaining)
    # The geometric draw overflows for tiny chances; nobody reaches a million purchases.
    stays_for = random.geometric(np.maximum(dropout, 1e-6))
    # Given their number, the instants of a Poisson process are uniform: sort them and keep those before the dropout.
    owner = np.repeat(np.arange(buyer.size), possible)
    share = random.random(owner.size)
    order = np.lexsort((share, owner))
    owner, share = owner[order], share[order]
    rank = np.arange(owner.size) - np.repeat(np.cumsum(possible) - possible, possible)
    kept = rank < stays_for[owner]
    owner, share = owner[kept], share[kept]
    repeated = people.first_order[buyer][owner] + share * remaining[owner]
    customer = np.concatenate([buyer, buyer[owner]])
    at = np.concatenate([people.first_order[buyer], repeated])
    scale = random.gamma(_Q, 1 / _V, len(people.arrived))
    amount = np.round(random.gamma(_P, 1, customer.size) / scale[customer], 2)
    return _Happenings(customer, at, amount)


def _after(happenings: _Happenings, happens: BoolArray, days: FloatArray) -> _Happenings:
    """Something that follows some of the happenings some days later, while the shop is watched."""
    at = happenings.at + days * _DAY
    seen = happens & (at < _DAYS * _DAY)
    return _Happenings(happenings.customer[seen], at[seen])


def _touchpoints(
    people: _People, orders: _Happenings, support: _Happenings, random: np.random.Generator
) -> _Happenings:
    everybody = np.arange(len(people.arrived))
    browsing = np.repeat(everybody, random.poisson(1.0, everybody.size))
    browsed_at = people.arrived[browsing] + random.exponential(5 * _DAY, browsing.size)
    visits_first = random.random(len(orders.customer)) < 0.8
    shopping = orders.customer[visits_first]
    shopped_at = orders.at[visits_first] - random.uniform(1, 59, shopping.size)
    visiting = np.concatenate([browsing, shopping])
    own = random.random(visiting.size) < 0.5
    signed_up = np.flatnonzero(people.signed_up < _DAYS * _DAY)
    refers = random.random(len(orders.customer)) < special.expit(-2.5 + people.satisfaction[orders.customer])
    referrals = _after(orders, refers, random.uniform(1, 21, len(orders.customer)))
    parts = [
        (everybody, people.arrived, 0, people.channel),
        (visiting, np.concatenate([browsed_at, shopped_at]), 0, np.where(own, people.channel[visiting], _DIRECT)),
        (signed_up, people.signed_up[signed_up], 1, people.channel[signed_up]),
        (support.customer, support.at, 2, np.full(support.customer.size, _DIRECT)),
        (referrals.customer, referrals.at, 3, np.full(referrals.customer.size, _DIRECT)),
    ]
    customer, at, channel = (np.concatenate([part[i] for part in parts]) for i in (0, 1, 3))
    kind = np.concatenate([np.full(part[0].size, part[2]) for part in parts])
    seen = at < _DAYS * _DAY
    order = np.lexsort((customer[seen], at[seen]))
    customer, at, kind, channel = (column[seen][order] for column in (customer, at, kind, channel))
    return _Happenings(customer, at, kind=kind, channel=channel)


def _order_table(orders: _Happenings) -> dict[str, Array]:
    order = np.lexsort((orders.customer, orders.at))
    assert orders.amount is not None
    return {
        "order_id": frozen_array(np.arange(1, order.size + 1)),
        "customer_id": frozen_array(orders.customer[order] + 1),
        "at": _instants(orders.at[order]),
        "amount": frozen_array(orders.amount[order]),
    }


def _touchpoint_table(touchpoints: _Happenings) -> dict[str, Array]:
    return {
        "customer_id": frozen_array(touchpoints.customer + 1),
        "at": _instants(touchpoints.at),
        "kind": frozen_array(np.array(_KINDS)[touchpoints.kind]),
        "channel": _names(touchpoints.channel),
    }


def _answer_table(
    people: _People, orders: _Happenings, support: _Happenings, random: np.random.Generator
) -> dict[str, Array]:
    buyer = np.flatnonzero(people.first_order < _DAYS * _DAY)
    first = _Happenings(buyer, people.first_order[buyer])
    asked = {
        "nps": (first, 0.4, 30.0, (8.2, 1.6, 1.2), (0, 10)),
        "csat": (orders, 0.25, 2.0, (3.9, 0.8, 0.7), (1, 5)),
        "ces": (support, 0.5, 1.0, (5.2, 1.0, 1.0), (1, 7)),
    }
    columns: list[tuple[Array, ...]] = []
    for kind, (occasions, answering, delay, (centre, slope, noise), (lowest, highest)) in asked.items():
        size = len(occasions.customer)
        answered = _after(occasions, random.random(size) < answering, np.full(size, delay))
        opinion = centre + slope * people.satisfaction[answered.customer]
        opinion = opinion + noise * random.standard_normal(opinion.size)
        score = np.clip(np.rint(opinion), lowest, highest)
        columns.append((answered.customer + 1, answered.at, np.full(score.size, kind, "U4"), score))
    customer, at, kinds, scores = (np.concatenate(column) for column in zip(*columns, strict=True))
    order = np.lexsort((kinds, customer, at))
    return {
        "customer_id": frozen_array(customer[order]),
        "at": _instants(at[order]),
        "kind": frozen_array(kinds[order]),
        "score": frozen_array(scores[order]),
    }


def _channel_table(people: _People, touchpoints: _Happenings, random: np.random.Generator) -> dict[str, Array]:
    """Weekly totals by channel: what a shop knows without knowing whom."""
    weeks = -(-_DAYS // 7)
    channels = len(_CHANNELS) + 1
    shape = (weeks, channels)

    def by_week(at: FloatArray, channel: IntArray) -> IntArray:
        cell = (at // (7 * _DAY)).astype(np.int64) * channels + channel
        return np.bincount(cell, minlength=weeks * channels).reshape(shape)

    arrivals = by_week(people.arrived, people.channel)
    is_visit = touchpoints.kind == 0
    assert touchpoints.channel is not None
    visits = by_week(touchpoints.at[is_visit], touchpoints.channel[is_visit])
    # For each visitor who became known three clicked and stayed unknown; known customers come back without a click.
    unknown = random.poisson(3.0 * arrivals)
    clicks = arrivals + unknown
    impressions = clicks + random.poisson(clicks * np.append(_IMPRESSIONS, 0.0))
    followers = np.cumsum(random.poisson(clicks * np.append(_FOLLOWS, 0.0)), axis=0)
    week = _START + np.arange(weeks).astype("timedelta64[W]")
    return {
        "channel": frozen_array(np.tile([*_CHANNELS, "direct"], weeks)),
        "at": frozen_array(np.repeat(week, channels)),
        "impressions": frozen_array(impressions.ravel()),
        "visits": frozen_array((visits + unknown).ravel()),
        "clicks": frozen_array(clicks.ravel()),
        "followers": frozen_array(followers.ravel()),
        "cost": frozen_array((arrivals * np.append(_PRICE, 0.0)).ravel()),
    }


def _instants(seconds: FloatArray) -> Array:
    """Whole seconds: nothing in a shop is known more exactly, and floats print the same everywhere."""
    return frozen_array(_START + np.floor(seconds).astype(np.int64).astype("timedelta64[s]"))


def _names(channel: IntArray | None) -> Array:
    return frozen_array(np.array([*_CHANNELS, "direct"])[channel])
