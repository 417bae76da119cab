"""The losses, and the step logits against loops: no step or modality reads another.

Mutations tried, each of which fails a test here: the audio's branch for the video; the video's
branch for the audio; GELU for ReLU; the video's mask for the audio; steps not blanked; no
LayerNorm.
"""

import pytest
import torch
import torch.nn.functional as F

from macbdf_mm.models.fusion.temporal_steps import PooledSteps, resample_steps
from macbdf_mm.models.heads.forgery_frame_head import ForgeryFrameHead, FrameBranches
from macbdf_mm.models.layers.step_masks import StepMasks
from macbdf_mm.structures.forgery_data_sample import ForgeryDataSample

CHANNELS, STEPS = 6, 4


@pytest.fixture
def head():
    torch.manual_seed(0)
    return ForgeryFrameHead(CHANNELS)


@pytest.fixture
def maps():
    torch.manual_seed(1)
    return torch.randn(3, CHANNELS, STEPS, 2, 2), torch.randn(3, CHANNELS, 5, 2 * STEPS)


@pytest.fixture
def masks():
    masks = StepMasks(
        torch.ones(3, STEPS, dtype=torch.bool), torch.ones(3, 2 * STEPS, dtype=torch.bool)
    )
    masks.video[1, 2:] = False
    masks.audio[2] = False
    return masks


@pytest.fixture
def samples():
    video = torch.tensor([[0, 1, 1, 0], [1, 1, 1, 1], [-1, 0, 0, -1]])
    audio = torch.tensor([[1, 1, 0, 0], [0, 0, 0, 0], [1, 1, 1, 1]])
    samples = [ForgeryDataSample() for _ in range(3)]
    for sample, video_steps, audio_steps in zip(samples, video, audio, strict=True):
        sample.gt_video_steps, sample.gt_audio_steps = video_steps, audio_steps
    return samples


@pytest.mark.holds("Eq. 20", "masked losses")
def test_losses_are_means_over_the_known_valid_steps(head, maps, masks, samples):
    """A loop over single steps, Eq. 20."""
    logits = head(maps, masks)
    losses = head.loss(maps, samples, masks)
    for track in ("video", "audio"):
        terms = []
        for clip, sample in enumerate(samples):
            for step, label in enumerate(sample.get(f"gt_{track}_steps").tolist()):
                if label >= 0 and getattr(logits, f"{track}_mask")[clip, step]:
                    logit = getattr(logits, track)[clip, step]
                    terms.append(
                        F.binary_cross_entropy_with_logits(logit, torch.tensor(float(label)))
                    )
        assert len(terms) == {"video": 4 + 2 + 2, "audio": 4 + 4}[track]
        torch.testing.assert_close(losses[f"loss_frame_{track}"], torch.stack(terms).mean())


@pytest.mark.holds("model.frame_head.mask_one_class")
def test_steps_of_one_class_have_no_loss_until_the_other_was_there(head, maps, masks, samples):
    """By the steps, of which a fake clip has real ones: audio fakes alone are enough here."""
    head.train()
    for sample in samples:
        sample.gt_video_steps = sample.gt_video_steps.clamp(max=0)
    both = samples[0].gt_audio_steps
    losses = head.loss(maps, samples, masks)
    assert losses["loss_frame_video"] == 0
    assert losses["loss_frame_audio"] > 0
    literal = ForgeryFrameHead(CHANNELS, mask_one_class=False)
    assert literal.loss(maps, samples, masks)["loss_frame_video"] > 0
    samples[0].gt_video_steps = both
    assert head.loss(maps, samples, masks)["loss_frame_video"] > 0
    samples[0].gt_video_steps = torch.zeros(STEPS, dtype=torch.int64)
    assert head.loss(maps, samples, masks)["loss_frame_video"] > 0


def test_predictions_are_scores_by_step_and_nan_where_nothing_was_seen(head, maps, masks):
    samples = head.predict(maps, [ForgeryDataSample() for _ in range(3)], masks)
    logits = head(maps, masks)
    assert torch.equal(samples[0].pred_video_steps, logits.video[0].sigmoid())
    assert samples[1].pred_video_steps.isnan().tolist() == [False, False, True, True]
    assert samples[2].pred_audio_steps.isnan().all()


@pytest.mark.holds("model.frame_head.loss_weights")
def test_a_weight_scales_its_loss(maps, masks, samples):
    def loss(**weights):
        torch.manual_seed(0)
        return ForgeryFrameHead(CHANNELS, loss_weights=weights).loss(maps, samples, masks)

    plain, weighted = loss(), loss(frame_audio=3.0)
    torch.testing.assert_close(weighted["loss_frame_audio"], 3.0 * plain["loss_frame_audio"])
    torch.testing.assert_close(weighted["loss_frame_video"], plain["loss_frame_video"])


def test_one_track_has_no_part_in_the_others_logits(head, maps, masks):
    changed = head((maps[0] + 1.0, maps[1]), masks)
    plain = head(maps, masks)
    assert torch.equal(changed.audio, plain.audio)
    assert not torch.equal(changed.video, plain.video)


def test_unknown_weights_are_refused():
    with pytest.raises(ValueError, match=r"`loss_weights` for \['frame_audio', 'frame_video'\]"):
        ForgeryFrameHead(CHANNELS, loss_weights=dict(video=1.0))


def test_labels_of_another_number_of_steps_are_refused(head, maps, masks, samples):
    samples[1].gt_audio_steps = torch.zeros(3, dtype=torch.int64)
    with pytest.raises(ValueError, match=r"shape \(4,\).*'gt_audio_steps': \(3,\).*`num_steps`"):
        head.loss(maps, samples, masks)


def test_missing_labels_are_refused(head, maps, masks, samples):
    del samples[0].gt_video_steps
    with pytest.raises(ValueError, match="'gt_video_steps': None"):
        head.loss(maps, samples, masks)


BATCH, DIMS, VIDEO_STEPS, AUDIO_STEPS = 8, 10, 6, 9


def steps_and_masks(seed=0):
    generator = torch.Generator().manual_seed(seed)
    steps = PooledSteps(
        torch.randn(BATCH, VIDEO_STEPS, DIMS, generator=generator),
        torch.randn(BATCH, AUDIO_STEPS, DIMS, generator=generator),
    )
    masks = StepMasks(
        torch.ones(BATCH, VIDEO_STEPS, dtype=torch.bool),
        torch.ones(BATCH, AUDIO_STEPS, dtype=torch.bool),
    )
    masks.video[1, 3:] = False
    masks.audio[2, 5:] = False
    masks.audio[3] = False
    return steps, masks


@pytest.fixture
def branches():
    torch.manual_seed(0)
    return FrameBranches(DIMS, hidden_dims=14).eval()


def reference_logit(mlp, x):
    """The branch on one step (C,), written out."""
    norm, first, _, _, last = mlp
    deviation = x - x.mean()
    x = norm.weight * deviation / (deviation.square().mean() + 1e-5).sqrt() + norm.bias
    hidden = (first.weight @ x + first.bias).clamp(min=0)
    return (last.weight @ hidden + last.bias)[0]


@pytest.mark.holds("Eq. 20")
def test_logits_against_loops(branches):
    steps, masks = steps_and_masks()
    logits = branches(steps, masks)
    on_video, heard = resample_steps(steps.audio, masks.audio, VIDEO_STEPS)
    assert torch.equal(logits.video_mask, masks.video)
    assert torch.equal(logits.audio_mask, heard)
    for clip in range(BATCH):
        for t in range(VIDEO_STEPS):
            if masks.video[clip, t]:
                expected = reference_logit(branches.video_branch.mlp, steps.video[clip, t])
                torch.testing.assert_close(logits.video[clip, t], expected)
            if heard[clip, t]:
                expected = reference_logit(branches.audio_branch.mlp, on_video[clip, t])
                torch.testing.assert_close(logits.audio[clip, t], expected)


def test_one_logit_for_each_step_of_the_video(branches):
    logits = branches(*steps_and_masks())
    assert {tuple(value.shape) for value in logits} == {(BATCH, VIDEO_STEPS)}
    assert logits.video.dtype == logits.audio.dtype == torch.float32


def test_a_clip_without_audio_has_no_valid_audio_step(branches):
    logits = branches(*steps_and_masks())
    assert not logits.audio_mask[3].any()
    assert logits.audio_mask[2].any()
    assert not logits.audio_mask[2].all()


@pytest.mark.holds("3.4, frame head")
def test_a_step_reads_itself_alone(branches):
    steps, masks = steps_and_masks()
    before = branches(steps, masks)
    steps.video[:, 2] += 1.0
    after = branches(steps, masks)
    changed = (after.video != before.video).any(dim=0)
    assert changed.tolist() == [False, False, True, False, False, False]
    assert torch.equal(after.audio, before.audio)


def test_video_logits_do_not_read_the_audio(branches):
    steps, masks = steps_and_masks()
    before = branches(steps, masks)
    after = branches(PooledSteps(steps.video, steps.audio.flip(2)), masks)
    assert torch.equal(after.video, before.video)
    assert not torch.allclose(after.audio, before.audio)


@pytest.mark.parametrize("fill", [0.0, 1e6, float("nan"), float("inf")])
def test_what_fills_masked_steps_is_never_read(branches, fill):
    steps, masks = steps_and_masks()
    expected = branches(steps, masks)
    steps.video[~masks.video] = fill
    steps.audio[~masks.audio] = fill
    filled = branches(steps, masks)
    assert torch.equal(filled.video, expected.video)
    assert torch.equal(filled.audio, expected.audio)


def test_a_clip_has_the_same_logits_in_any_batch(branches):
    steps, masks = steps_and_masks()
    together = branches(steps, masks)
    for clip in range(BATCH):
        one = slice(clip, clip + 1)
        alone = branches(
            PooledSteps(steps.video[one], steps.audio[one]),
            StepMasks(masks.video[one], masks.audio[one]),
        )
        # Matrix products of other sizes round differently in the last bits.
        torch.testing.assert_close(alone.video[0], together.video[clip], rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(alone.audio[0], together.audio[clip], rtol=1e-5, atol=1e-6)


def test_dropout_is_for_training_alone():
    branches = FrameBranches(DIMS, drop_rate=0.5)
    steps, masks = steps_and_masks()
    assert not torch.equal(branches(steps, masks).video, branches(steps, masks).video)
    branches.eval()
    assert torch.equal(branches(steps, masks).video, branches(steps, masks).video)


def test_state_survives_save_and_load(branches):
    other = FrameBranches(DIMS, hidden_dims=14).eval()
    other.load_state_dict(branches.state_dict())
    assert torch.equal(other(*steps_and_masks()).audio, branches(*steps_and_masks()).audio)


def test_bad_masks_are_named(branches):
    steps, masks = steps_and_masks()
    with pytest.raises(ValueError, match=r"Expected masks of shapes \(8, 6\)"):
        branches(steps, StepMasks(masks.audio, masks.video))
