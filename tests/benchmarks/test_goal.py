from benchmarks.goal import GOALS, LOADING_GOALS, Goal


def test_a_speedup_reaches_and_a_cost_stays_below_the_limit() -> None:
    fast, cheap = Goal("a", "", 2.0), Goal("b", "", 1.5, is_cost=True)
    assert fast.is_met(2.0)
    assert not fast.is_met(1.99)
    assert cheap.is_met(1.5)
    assert not cheap.is_met(1.51)
    assert (str(fast), str(cheap)) == (">= 2x", "<= 1.5x")


def test_keys_are_unique() -> None:
    for goals in (GOALS, LOADING_GOALS):
        assert len({goal.key for goal in goals}) == len(goals)


def test_both_tools_hold_reading_against_the_same() -> None:
    shared = [goal for goal in LOADING_GOALS if goal in GOALS]
    assert [goal.key for goal in shared] == ["decode_250", "decode_25"]
