import json
import math
from pathlib import Path

import pytest
import torch
from mmengine.registry import VISBACKENDS
from mmengine.visualization.vis_backend import BaseVisBackend

from macbdf_mm.engine.hooks import OMParetoLogHook
from macbdf_mm.engine.hooks.om_pareto_log_hook import NUM_NON_FINITE, QUANTITIES, summarise_steps
from macbdf_mm.engine.optim.om_pareto import solve
from macbdf_mm.engine.optim.om_pareto_optim_wrapper import OMParetoMixin
from macbdf_mm.reports.figures.training_curves import NORMS, PANELS
from macbdf_mm.reports.run_record import read_om_pareto_curves

# What full precision logs; a step that is not finite is an error there.
LOGGED = set(QUANTITIES) - {NUM_NON_FINITE}


@pytest.fixture
def seen_by_a_backend():
    """What a visualisation backend, such as TensorBoard's, is given."""
    seen = []

    @VISBACKENDS.register_module()
    class ListVisBackend(BaseVisBackend):
        experiment = None

        def _init_env(self):
            pass

        def add_scalars(self, scalar_dict, step=0, file_path=None, **kwargs):
            seen.append((step, dict(scalar_dict)))

    yield seen
    VISBACKENDS.module_dict.pop("ListVisBackend")


@pytest.fixture
def solved_steps(monkeypatch):
    """Everything that the wrapper tells the hook."""
    solved, take = [], OMParetoMixin.take_solved

    def record(self):
        step = take(self)
        solved.append(step)
        return step

    monkeypatch.setattr(OMParetoMixin, "take_solved", record)
    return solved


def logged(runner):
    lines = []
    for path in sorted(Path(runner.log_dir).rglob("scalars.json")):
        lines += [json.loads(line) for line in path.read_text().splitlines()]
    return lines


def test_every_log_line_covers_the_steps_since_the_one_before(
    make_runner, solved_steps, seen_by_a_backend
):
    backends = [dict(type="LocalVisBackend"), dict(type="ListVisBackend")]
    runner = make_runner(visualizer=dict(type="Visualizer", vis_backends=backends))
    runner.train()
    lines = logged(runner)
    # 5 iterations an epoch, a line every 2: the fifth is not logged, nor carried on.
    assert [line["step"] for line in lines] == [2, 4, 7, 9]
    for line in lines:
        steps = solved_steps[line["step"] - 2 : line["step"]]
        for encoder in ("video", "audio"):
            prefix = f"om_pareto/{encoder}/"
            assert {key.removeprefix(prefix) for key in line if key.startswith(prefix)} == LOGGED
            cosines = [step[encoder].cos for step in steps]
            assert line[f"om_pareto/{encoder}/cos"] == pytest.approx(sum(cosines) / 2)
            conflicts = [step[encoder].is_conflict for step in steps]
            assert line[f"om_pareto/{encoder}/conflict_share"] == sum(conflicts) / 2
    assert {line["om_pareto/audio/conflict_share"] for line in lines} != {0.0}
    assert [step for step, _ in seen_by_a_backend] == [2, 4, 7, 9]
    for line, (_, scalars) in zip(lines, seen_by_a_backend, strict=True):
        assert scalars["om_pareto/video/norm_step"] == line["om_pareto/video/norm_step"]


def test_the_plot_finds_all_that_was_logged(make_runner):
    runner = make_runner()
    runner.train()
    curves = read_om_pareto_curves(runner.work_dir)
    assert set(curves) == {"video", "audio"}
    assert set(curves["audio"]) == LOGGED >= {*PANELS, *NORMS}
    assert [step for step, _ in curves["audio"]["cos"]] == [2, 4, 7, 9]


def test_with_accumulation_updates_are_what_counts(make_runner, solved_steps):
    runner = make_runner(
        num_batches=4, default_hooks__logger__interval=4, optim_wrapper__accumulative_counts=2
    )
    runner.train()
    assert [bool(step) for step in solved_steps] == [False, True] * 4
    line = logged(runner)[0]
    cosines = [solved_steps[i]["audio"].cos for i in (1, 3)]
    assert line["om_pareto/audio/cos"] == pytest.approx(sum(cosines) / 2)


def test_in_mixed_precision_skipped_steps_are_counted(make_runner, two_encoders):
    runner = make_runner()
    runner.train()
    wrapper = two_encoders.CpuOMParetoAmpOptimWrapper(
        init_scale=2.0,
        optimizer=torch.optim.SGD(runner.model.parameters(), lr=0.1),
        unimodal_losses=["loss_frame_*"],
        encoders=two_encoders.ENCODERS,
    )
    runner.optim_wrapper = wrapper
    hook = OMParetoLogHook()
    hook.before_train(runner)
    bad = two_encoders.make_batch(0, dtype=torch.float32)
    bad["inputs"]["video"][0, 0] = math.inf
    runner.model.train_step(bad, wrapper)
    hook.after_train_iter(runner, batch_idx=0)
    scalar = runner.message_hub.get_scalar
    assert scalar(f"train/om_pareto/video/{NUM_NON_FINITE}").current() == 1


def test_steps_of_a_training_that_was_broken_off_are_forgotten(make_runner, solved_steps):
    runner = make_runner(num_epochs=1, num_batches=2)
    hook = next(h for h in runner.hooks if isinstance(h, OMParetoLogHook))
    hook._steps.append({name: solve(1.0, 1e6, -1.0) for name in ("video", "audio")})
    runner.train()
    cosines = [step["video"].cos for step in solved_steps]
    line = logged(runner)[0]
    assert line["om_pareto/video/cos"] == pytest.approx(sum(cosines) / 2)


def test_with_the_plain_wrapper_it_only_says_so(make_runner):
    runner = make_runner(
        optim_wrapper=dict(_delete_=True, type="OptimWrapper", optimizer=dict(type="SGD", lr=0.1)),
    )
    messages = []
    runner.logger.info = messages.append
    runner.train()
    assert "OMParetoLogHook: OptimWrapper has no conflict to log." in messages
    assert not any(key.startswith("om_pareto") for line in logged(runner) for key in line)
    assert all(math.isfinite(line["loss"]) for line in logged(runner))


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


def test_conflicts_in_the_dead_zone_are_counted_apart():
    cosines = (-0.5, -0.15, -0.1, -0.01, 0.05)
    summary = summarise_steps([{"a": solve(2.0, 1.0, 2.0 * cos)} for cos in cosines])
    assert summary["a/conflict_share"] == pytest.approx(4 / 5)
    assert summary["a/dead_zone_share"] == pytest.approx(2 / 5)
