import pytest
import torch
import torch.nn.functional as F

from macbdf_mm.models.heads import ForgeryFrameHead
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


def test_predictions_are_scores_by_step_and_nan_where_nothing_was_seen(head, maps, masks):
    samples = head.predict(maps, [ForgeryDataSample() for _ in range(3)], masks)
    logits = head(maps, masks)
    assert torch.equal(samples[0].pred_video_steps, logits.video[0].sigmoid())
    assert samples[1].pred_video_steps.isnan().tolist() == [False, False, True, True]
    assert samples[2].pred_audio_steps.isnan().all()


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
