"""Values of Markov chains, and the uncertainty of counted moves."""

from __future__ import annotations

import pickle
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import clm

# Pfeifer and Carraway (2000): recency 1 to 4 and former customers; purchase probabilities .3, .2, .15, .05.
CHAIN = np.array(
    [
        [0.30, 0.70, 0.00, 0.00, 0.00],
        [0.20, 0.00, 0.80, 0.00, 0.00],
        [0.15, 0.00, 0.00, 0.85, 0.00],
        [0.05, 0.00, 0.00, 0.00, 0.95],
        [0.00, 0.00, 0.00, 0.00, 1.00],
    ]
)
# A purchase contributes 40, remarketing costs 4 in every period but for former customers.
CASH = [36, -4, -4, -4, 0]
STAGES = ("one", "two", "three", "four", "former")


def counted(moves, stages=STAGES):
    """What a replayed log gives: stages, counts and shares of counts."""
    moves = np.asarray(moves)
    totals = np.broadcast_to(moves.sum(axis=1, keepdims=True), moves.shape)
    shares = clm.stats.proportion(moves, totals, name="p", definition="Share of moves.", undefined="nobody left it")
    return SimpleNamespace(stages=stages, counts=moves, probabilities=shares)


def drawn(seed, totals=(300, 200, 150, 100, 50)):
    rng = np.random.default_rng(seed)
    return np.array([rng.multinomial(total, row) for total, row in zip(totals, CHAIN, strict=True)])


@st.composite
def chains(draw):
    states = draw(st.integers(1, 5))
    weights = draw(hnp.arrays(float, (states, states), elements=st.floats(0, 1)))
    weights[np.arange(states), draw(hnp.arrays(int, states, elements=st.integers(0, states - 1)))] += 0.1
    cash = draw(hnp.arrays(float, states, elements=st.floats(-50, 50, allow_subnormal=False)))
    return weights / weights.sum(axis=1, keepdims=True), cash


class TestInputs:
    @pytest.mark.parametrize(
        ("chain", "message"),
        [
            (CHAIN[:3], r"shape \(3, 5\)"),
            (CHAIN * 0.9, r"5 of 5 rows of transition_matrix do not sum to 1, the first that of state 0: 0.9"),
            (CHAIN * 2 - 1, "probabilities lie between 0 and 1"),
            (drawn(0), r"holds \d+ in the row of state 0.*Divide counts by their row's sum"),
            (np.where(CHAIN == 0.7, np.nan, CHAIN), "lacks probabilities in the row of state 0"),
            ("chain", "transition_matrix holds text"),
            ([[]], "Give one row and one column a state"),
            ([[0.5, 0.5], [1.0]], "transition_matrix is not numeric"),
        ],
    )
    def test_the_matrix_is_checked(self, chain, message):
        with pytest.raises(clm.InvalidDataError, match=message):
            clm.markov_ltv(chain, CASH)

    @pytest.mark.parametrize(
        ("cash", "message"),
        [
            (CASH[:3], r"cash_flow has shape \(3,\), but there are 5 states"),
            ([np.nan, *CASH[1:]], "cash_flow of state 0 is missing or infinite"),
            ({"one": 36}, "transition_matrix has none"),
            (["a"] * 5, "cash_flow holds text"),
        ],
    )
    def test_cash_flow_is_checked(self, cash, message):
        with pytest.raises(clm.InvalidDataError, match=message):
            clm.markov_ltv(CHAIN, cash)

    def test_stages_are_matched_by_name(self):
        moves = counted(drawn(0))
        by_name = clm.markov_ltv(moves, dict(zip(reversed(STAGES), reversed(CASH), strict=True)))
        assert by_name == clm.markov_ltv(moves, CASH)
        assert by_name.index.tolist() == list(STAGES)
        with pytest.raises(clm.InvalidDataError, match=r"cash_flow lacks the stage 'two'\. Give 0 for no money"):
            clm.markov_ltv(moves, {"one": 36})
        with pytest.raises(clm.InvalidDataError, match=r"'formr', which is no stage\. Did you mean 'former'"):
            clm.markov_ltv(moves, dict(zip(STAGES, CASH, strict=True)) | {"formr": 0})

    def test_stages_of_a_lifecycle_serve_too(self):
        stages = [clm.Stage(name) for name in STAGES]
        moves = counted(drawn(0), stages)
        assert clm.markov_ltv(moves, dict(zip(stages, CASH, strict=True))).index.tolist() == list(STAGES)

    def test_as_many_names_as_states(self):
        with pytest.raises(clm.InvalidDataError, match="5 states, but 2 stages"):
            clm.markov_ltv(counted(drawn(0), ("a", "b")), CASH)

    def test_a_sum_without_end_is_refused(self):
        with pytest.raises(clm.InvalidDataError, match="Give a discount or a horizon"):
            clm.markov_ltv([[0.5, 0.5], [0.5, 0.5]], [1, 1], discount=0)
        assert clm.markov_ltv([[0.5, 0.5], [0.5, 0.5]], [1, 1], discount=0, horizon=3).value.tolist() == [4, 4]

    def test_without_discount_a_final_state_without_money_ends_it(self):
        # A customer stays with probability .8: 1 / (1 - .8) = 5 periods of 10.
        assert clm.markov_ltv([[0.8, 0.2], [0, 1]], [10, 0], discount=0).value == pytest.approx([50, 0])

    @pytest.mark.parametrize("option", [{"discount": -0.1}, {"horizon": 1.5}, {"horizon": -1}])
    def test_options_are_checked(self, option):
        with pytest.raises(clm.InvalidDataError, match=next(iter(option))):
            clm.markov_ltv(CHAIN, CASH, **option)


class TestPublishedNumbers:
    def test_pfeifer_and_carraway(self):
        value = clm.markov_ltv(CHAIN, CASH, discount=0.2).value
        assert value == pytest.approx([52.320, 5.554, 1.251, -1.820, 0], abs=5e-4)
        assert value == pytest.approx([52.3196, 5.5538, 1.2508, -1.8200, 0], abs=5e-5)

    def test_their_fourth_power(self):
        # First row of P**4: where a customer who has just bought is four periods later.
        for state, probability in enumerate((0.1397, 0.1365, 0.1288, 0.1428, 0.4522)):
            after = [clm.markov_ltv(CHAIN, np.eye(5)[state], discount=0, horizon=moves).value[0] for moves in (3, 4)]
            assert after[1] - after[0] == pytest.approx(probability, abs=5e-5)


class TestConsistency:
    @given(chain=chains(), discount=st.floats(0.01, 1), moves=st.integers(0, 12))
    def test_a_horizon_is_the_sum_of_powers(self, chain, discount, moves):
        matrix, cash = chain
        powers = sum(np.linalg.matrix_power(matrix / (1 + discount), t) @ cash for t in range(moves + 1))
        found = clm.markov_ltv(matrix, cash, discount=discount, horizon=moves)
        assert found.value == pytest.approx(powers, rel=1e-9, abs=1e-9)

    @given(chain=chains(), discount=st.floats(0.05, 1))
    def test_without_a_horizon_it_is_the_limit(self, chain, discount):
        matrix, cash = chain
        far = clm.markov_ltv(matrix, cash, discount=discount, horizon=2000).value
        assert clm.markov_ltv(matrix, cash, discount=discount).value == pytest.approx(far, rel=1e-8, abs=1e-8)

    @given(retention=st.floats(0, 1), discount=st.floats(0.01, 1))
    def test_one_state_and_the_end_are_the_retention_family(self, retention, discount):
        chain = [[retention, 1 - retention], [0, 1]]
        expected = clm.formula_ltv(100, retention, discount, first_payment=True, timing="start").value
        assert clm.markov_ltv(chain, [100, 0], discount=discount).value[0] == pytest.approx(expected)

    @given(chain=chains(), order=st.randoms())
    def test_the_order_of_states_does_not_matter(self, chain, order):
        matrix, cash = chain
        states = list(range(len(cash)))
        order.shuffle(states)
        value = clm.markov_ltv(matrix, cash).value
        assert clm.markov_ltv(matrix[np.ix_(states, states)], cash[states]).value == pytest.approx(value[states])

    def test_results_can_be_pickled_and_compared(self):
        value = clm.markov_ltv(counted(drawn(0)), CASH)
        assert pickle.loads(pickle.dumps(value)) == value
        assert value != clm.markov_ltv(counted(drawn(1)), CASH)


class TestUncertainty:
    def test_plain_numbers_have_none(self):
        value = clm.markov_ltv(CHAIN, CASH)
        assert np.isnan(value.standard_error).all()
        assert "plain numbers" in value.confidence_interval().method

    @pytest.mark.parametrize("moves", [None, 1, 6])
    def test_it_is_the_delta_method_over_multinomial_rows(self, moves):
        counts = drawn(3)
        totals = counts.sum(axis=1)
        shares = counts / totals[:, None]

        def worth(matrix):
            steps = 400 if moves is None else moves
            return sum(np.linalg.matrix_power(matrix / 1.2, t) @ CASH for t in range(steps + 1))

        variance = np.zeros(5)
        for row in range(5):
            gradient = np.stack(
                [
                    (worth(shares + step) - worth(shares - step)) / 2e-6
                    for step in 1e-6 * np.eye(25).reshape(25, 5, 5)[5 * row :][:5]
                ],
                axis=1,
            )
            covariance = (np.diag(shares[row]) - np.outer(shares[row], shares[row])) / totals[row]
            variance += np.einsum("si,ij,sj->s", gradient, covariance, gradient)
        found = clm.markov_ltv(counted(counts), CASH, horizon=moves)
        assert found.standard_error == pytest.approx(np.sqrt(variance), rel=1e-5, abs=1e-9)
        assert found.n.tolist() == totals.tolist()

    def test_counts_beside_plain_probabilities_serve(self):
        counts = drawn(3)
        bare = SimpleNamespace(stages=STAGES, counts=counts, probabilities=counts / counts.sum(axis=1, keepdims=True))
        assert clm.markov_ltv(bare, CASH) == clm.markov_ltv(counted(counts), CASH)

    def test_an_estimate_alone_serves(self):
        value = clm.markov_ltv(counted(drawn(3)).probabilities, CASH)
        assert value.standard_error == pytest.approx(clm.markov_ltv(counted(drawn(3)), CASH).standard_error)

    def test_errors_that_are_not_those_of_counted_moves_give_no_interval(self):
        clustered = clm.Estimate(
            value=CHAIN, standard_error=np.full((5, 5), 0.02), n=100, name="p", unit="fraction", definition="Clustered."
        )
        value = clm.markov_ltv(clustered, CASH)
        assert value.value[0] == pytest.approx(52.3196, abs=5e-5)
        assert "do not say from how many independent moves" in value.confidence_interval().method

    def test_totals_carry_the_covariance(self):
        # The values of states lean on the same rows: their sum is more uncertain than independent errors would be.
        value = clm.markov_ltv(counted(drawn(3)), CASH)
        assert value.sum().standard_error > np.sqrt((value.standard_error**2).sum())

    def test_an_estimated_cash_flow_is_weighed_by_visits(self):
        cash = clm.Estimate(
            value=[10.0, 0.0], standard_error=[2.0, 0.0], n=30, name="cash", unit="money", definition="C."
        )
        # 1 / (1 - .8 / 1.2) = 3 discounted visits
        value = clm.markov_ltv([[0.8, 0.2], [0, 1]], cash)
        assert value.value[0] == pytest.approx(30)
        assert value.standard_error[0] == pytest.approx(6)

    def test_states_that_lead_to_the_unknown_are_undefined(self):
        moves = drawn(0)
        moves[2] = 0  # nobody was seen to leave "three"
        value = clm.markov_ltv(counted(moves), CASH)
        assert np.isnan(value.value).tolist() == [True, True, True, True, False]
        assert value.undefined[0].startswith("nobody was seen to leave 'three', which lies on the way")
        soon = clm.markov_ltv(counted(moves), CASH, horizon=1)
        assert np.isnan(soon.value).tolist() == [False, False, True, False, False]
        assert not np.isnan(clm.markov_ltv(counted(moves), CASH, horizon=0).value).any()


class TestRecovery:
    @staticmethod
    def covered(seeds):
        truth = clm.markov_ltv(CHAIN, CASH).value
        hits = np.zeros(5)
        for seed in seeds:
            low, high = clm.markov_ltv(counted(drawn(seed)), CASH).confidence_interval()
            hits += (low <= truth) & (truth <= high)
        return hits / len(seeds)

    def test_the_interval_covers(self):
        # 200 replications at .95: 4 standard deviations are .062
        assert (self.covered(range(200))[:3] >= 0.95 - 0.062).all()

    @pytest.mark.slow
    def test_it_covers_near_its_level(self):
        # 4,000 replications: 4 standard deviations are .014. The fourth state has 100 moves, of which 5 lead anywhere.
        share = self.covered(range(4000))
        assert (np.abs(share[:3] - 0.945) <= 0.014 + 0.01).all()
        assert share[3] == pytest.approx(0.88, abs=0.02)

    def test_rare_moves_carry_a_caveat(self):
        assert "fewer than 10 times" in clm.markov_ltv(counted(drawn(0)), CASH).caveats[0]
        assert clm.markov_ltv(counted(100 * drawn(0)), CASH).caveats == ()
