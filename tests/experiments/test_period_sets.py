"""What may explain the scores of sets of periods, and the steps from one set to another, against calculations by hand."""

import math
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from experiments import period_sets


def rows(variant, periods, scores, question="span"):
    row = {"task": "words", "question": question, "variant": variant, "periods": periods}
    return pd.DataFrame([row | {"seed": seed, "score": float(score)} for seed, score in enumerate(scores)])


def test_explanations_are_those_of_a_count_by_hand():
    mean = 72 ** (1 / 4)
    wanted = {"ratio": 2, "span": 12, "coprime": 4, "typical": mean}
    assert period_sets.explained("1 2 3 12") == pytest.approx(wanted)
    drawn = np.random.default_rng(0).integers(1, 300, 12).tolist()
    assert period_sets.coprime_pairs(drawn) == sum(math.gcd(*pair) == 1 for pair in combinations(drawn, 2))


def test_a_set_of_two_names_counts_once_and_each_random_set_by_itself():
    base, same = rows("base", "1 2 4", [3, 1, 2], ""), rows("exponential", "1 2 4", [3, 1, 2], "series")
    drawn = [rows("random", f"1 {middle} 9", [score]).assign(seed=middle) for middle, score in ((2, 5), (3, 7))]
    found = period_sets.medians(pd.concat([base, same, *drawn], ignore_index=True))
    assert found.variant.tolist() == ["base", "random", "random"]
    assert found.score.tolist() == pytest.approx([2, 5, 7]) and found.span.tolist() == [4, 9, 9]


def test_correlations_are_those_of_ranks():
    sets = pd.DataFrame({"task": "text", "ratio": [1, 2, 3, 4, 5, 6], "span": [6, 5, 4, 3, 2, 1]})
    sets = sets.assign(coprime=[2, 1, 4, 3, 6, 5], typical=[1, 2, 4, 8, 16, 15], score=[0.1, 0.2, 0.4, 0.8, 1.6, 9])
    found = period_sets.correlations(sets)
    wanted = [1, -1, 1 - 6 * 6 / (6 * 35), 1 - 6 * 2 / (6 * 35)]  # 1 − 6 Σ d² / (n (n² − 1))
    assert found.rho.tolist() == pytest.approx(wanted) and found.sets.tolist() == [6] * 4


@pytest.mark.filterwarnings("error")
def test_what_is_the_same_for_all_sets_goes_with_nothing_and_counts_for_no_other():
    """Ranks 1 to 5 against themselves have ρ = 1 and p = 0, which no adjustment moves; against 2, 1, 3, 4, 5 they have ρ = 0.9."""
    sets = pd.DataFrame({"task": "text", "ratio": range(1, 6), "span": 9, "coprime": 3, "typical": [2, 1, 3, 4, 5]})
    found = period_sets.correlations(sets.assign(score=[0.1, 0.2, 0.3, 0.4, 0.5])).set_index("explanation")
    assert found.rho[["ratio", "typical"]].tolist() == pytest.approx([1, 0.9])
    t = 0.9 * math.sqrt(3 / (1 - 0.9**2))  # of Student's distribution, with 3 degrees of freedom
    assert found.p["typical"] == pytest.approx(2 * stats.t.sf(t, 3))  # the last of Holm's steps multiplies by 1
    assert found.loc[["span", "coprime"], ["rho", "p"]].isna().all(axis=None)
    assert period_sets.correlations(sets.assign(score=1.0)).p.isna().all()


def test_steps_join_sets_that_differ_in_one_thing():
    """All five below all five others: p is 2 in 252 ways to deal the ranks, and counts three times for three steps."""
    low, high = [1, 2, 3, 4, 5], [6, 7, 8, 9, 10]
    sets = [rows(f"{shape} to 4", "1 2 4", low) for shape in ("the paper's", "Fibonacci")]
    sets += [rows(f"{shape} to 8", "1 4 8", high) for shape in ("the paper's", "Fibonacci")]
    sets.append(rows("near Fibonacci to 8, few coprime pairs", "1 4 8", high, "coprime"))
    sets.append(rows("near Fibonacci to 8, many coprime pairs", "1 5 8", low, "coprime"))
    found = period_sets.steps(pd.concat(sets, ignore_index=True))
    assert found.explanation.tolist() == ["span", "span", "coprime"]  # and none in the ratio, for those sets are equal
    assert found.ratio.tolist() == pytest.approx([8 / 3, 8 / 3, 3 / 8])
    assert found.p.tolist() == pytest.approx([6 / 252] * 3)
    assert found.verdict.tolist() == ["worse", "worse", "better"]


def test_ratio_is_told_apart_at_each_span():
    names = ["the paper's to 5", "the paper's to 8", "Fibonacci to 5", "Fibonacci to 8"]
    steps = list(period_sets.matched(["base", *names]))
    assert steps == [
        ("ratio", names[0], names[2]),
        ("ratio", names[1], names[3]),
        ("span", *names[:2]),
        ("span", *names[2:]),
    ]
