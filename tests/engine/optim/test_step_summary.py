import math

import pytest

from macbdf_mm.engine.optim.om_pareto import solve
from macbdf_mm.engine.optim.step_summary import QUANTITIES, summarise_steps


def test_means_shares_and_numbers_of_some_steps():
    conflict, agreement = solve(1.0, 2.0, -1.0), solve(3.0, 2.0, 1.0)
    stationary = solve(1.0, 1.0, -1.0)
    summary = summarise_steps([{"video": each} for each in (conflict, agreement, stationary)])
    assert set(summary) == {f"video/{quantity}" for quantity in QUANTITIES}
    assert summary["video/cos"] == pytest.approx((-0.5 + 1 / 6 - 1) / 3)
    assert summary["video/alpha_m"] == pytest.approx((conflict.alpha_m + 0.5 + 0.5) / 3)
    assert summary["video/lambda"] == pytest.approx(
        (0.5 / (1 + math.exp(-2.5)) + 0.05 + 0.5 / (1 + math.exp(-5))) / 3
    )
    assert summary["video/norm_m"] == pytest.approx(5 / 3)
    # Eq. 24's length; |g_m + g_u|^2 = 9 + 4 + 2; none.
    step = math.sqrt(3) * (1 + 0.5 / 1.5) + math.sqrt(15)
    assert summary["video/norm_step"] == pytest.approx(step / 3)
    assert summary["video/conflict_share"] == pytest.approx(2 / 3)
    assert summary["video/num_stationary"] == 1
    assert summary["video/num_non_finite"] == 0


def test_steps_that_are_not_finite_are_counted_and_left_out():
    steps = [{"a": solve(1.0, 2.0, 1.0)}, {"a": solve(math.inf, 2.0, math.nan)}]
    summary = summarise_steps(steps)
    assert summary["a/num_non_finite"] == 1
    assert summary["a/norm_m"] == 1.0
    assert math.isnan(summarise_steps(steps[1:])["a/cos"])
