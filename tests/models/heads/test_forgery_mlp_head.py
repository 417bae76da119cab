import pytest
import torch

from macbdf_mm.errors import NonFiniteScoreError
from macbdf_mm.models.heads.forgery_mlp_head import ForgeryMLPHead, SingleSampleBatchNorm1d
from macbdf_mm.models.heads.masked_bce import masked_bce
from macbdf_mm.structures.forgery_data_sample import ForgeryDataSample


def samples_of(labels):
    samples = []
    for overall, video, audio in labels:
        sample = ForgeryDataSample()
        sample.gt_label = torch.tensor(overall)
        sample.gt_video_label = torch.tensor(video)
        sample.gt_audio_label = torch.tensor(audio)
        samples.append(sample)
    return samples


LABELS = [(1, 0, 1), (0, 0, 0), (1, -1, -1)]


@pytest.fixture
def head():
    torch.manual_seed(0)
    return ForgeryMLPHead(6, hidden_channels=(5, 4), drop_rate=0.0)


@pytest.mark.holds("3.4, sample head")
def test_steps_are_fc_norm_relu_dropout(head):
    names = [type(step).__name__ for step in head.steps]
    assert names == ["Linear", "SingleSampleBatchNorm1d", "ReLU", "Dropout"] * 2
    assert head(torch.randn(3, 6)).shape == (3, 3)


def test_losses_are_those_of_the_logits_in_their_order(head):
    fused = torch.randn(3, 6)
    losses = head.eval().loss(fused, samples_of(LABELS))
    expected = masked_bce(head(fused), torch.tensor(LABELS))
    assert list(losses) == ["loss_overall", "loss_video", "loss_audio"]
    torch.testing.assert_close(torch.stack(list(losses.values())), expected)


def test_the_clip_label_alone_trains_the_overall_logit(head):
    losses = head.loss(torch.randn(2, 6), samples_of([(1, -1, -1), (0, -1, -1)]))
    assert losses["loss_overall"] > 0
    assert losses["loss_video"] == losses["loss_audio"] == 0
    sum(losses.values()).backward()
    assert head.classifier.weight.grad[0].abs().sum() > 0
    assert head.classifier.weight.grad[1:].eq(0).all()


def test_unseen_tracks_have_no_loss_of_their_own(head):
    fused = torch.randn(3, 6)
    seen = torch.tensor([[True, False], [True, True], [False, False]])
    losses = head.eval().loss(fused, samples_of(LABELS), seen)
    labels = torch.tensor([(1, 0, -1), (0, 0, 0), (-1, -1, -1)])
    torch.testing.assert_close(torch.stack(list(losses.values())), masked_bce(head(fused), labels))


def test_a_sample_without_a_label_is_refused(head):
    samples = samples_of(LABELS)
    del samples[1].gt_audio_label
    with pytest.raises(ValueError, match="got one without gt_audio_label"):
        head.loss(torch.randn(3, 6), samples)


@pytest.mark.holds("model.head.mask_one_class")
def test_a_label_of_one_class_has_no_loss_until_the_other_was_there(head):
    fused = torch.randn(2, 6)
    one_class = samples_of([(1, -1, 0), (0, 0, 1)])
    literal = ForgeryMLPHead(6, (5, 4), 0.0, mask_one_class=False)
    literal.load_state_dict(head.state_dict())
    assert head.loss(fused, one_class)["loss_video"] == 0
    assert literal.loss(fused, one_class)["loss_video"] > 0
    assert not literal.known_classes.any()
    both = head.loss(fused, samples_of([(1, 1, 1), (0, 0, 0)]))
    assert min(both.values()) > 0
    # From then on, a batch may lack a class.
    torch.testing.assert_close(head.loss(fused, one_class), literal.loss(fused, one_class))
    resumed = ForgeryMLPHead(6, (5, 4), 0.0)
    resumed.load_state_dict(head.state_dict())
    assert resumed.loss(fused, one_class)["loss_video"] > 0


def test_evaluation_neither_masks_nor_notes_classes(head):
    losses = head.eval().loss(torch.randn(3, 6), samples_of([(1, 1, 1)] * 3))
    assert min(losses.values()) > 0
    assert not head.known_classes.any()


@pytest.mark.holds("model.head.loss_weights")
def test_loss_weights_scale_their_loss(head):
    fused, samples = torch.randn(3, 6), samples_of(LABELS)
    plain = head.eval().loss(fused, samples)
    weighted = ForgeryMLPHead(6, (5, 4), 0.0, loss_weights=dict(video=0.25)).eval()
    weighted.load_state_dict(head.state_dict())
    losses = weighted.loss(fused, samples)
    torch.testing.assert_close(losses["loss_video"], 0.25 * plain["loss_video"])
    torch.testing.assert_close(losses["loss_overall"], plain["loss_overall"])


def test_unknown_loss_weights_are_refused():
    with pytest.raises(ValueError, match=r"`loss_weights` for .*, got \['frame'\]"):
        ForgeryMLPHead(6, loss_weights=dict(frame=1.0))


def test_scores_are_probabilities_and_nan_where_nothing_was_seen(head):
    fused = torch.randn(4, 6)
    seen = torch.tensor([[True, True], [True, False], [False, True], [False, False]])
    samples = head.eval().predict(fused, [ForgeryDataSample() for _ in fused], seen)
    scores = torch.stack([sample.pred_scores for sample in samples])
    assert scores.dtype == torch.float32
    known = torch.tensor([[1, 1, 1], [1, 1, 0], [1, 0, 1], [0, 0, 0]], dtype=torch.bool)
    assert torch.equal(scores.isnan(), ~known)
    torch.testing.assert_close(scores[known], head(fused).sigmoid()[known])


def test_what_was_seen_and_has_no_number_is_the_fault_of_the_weights(head):
    head.eval().classifier.weight.data[2, 0] = torch.nan  # Of the audio alone.
    fused = torch.randn(3, 6)
    seen = torch.tensor([[True, True], [True, False], [False, True]])
    with pytest.raises(NonFiniteScoreError, match="no number as score of 2 of 3 clips that were"):
        head.predict(fused, [ForgeryDataSample() for _ in fused], seen)
    seen[:, 1] = False
    seen[2, 0] = True
    samples = head.predict(fused, [ForgeryDataSample() for _ in fused], seen)
    assert all(sample.pred_scores[2].isnan() for sample in samples)


def test_one_clip_on_a_device_trains(head):
    losses = head.train().loss(torch.randn(1, 6), samples_of([(1, 1, 0)]))
    sum(losses.values()).backward()
    assert all(parameter.grad.isfinite().all() for parameter in head.parameters())


def test_no_hidden_step_is_a_linear_classifier():
    head, fused = ForgeryMLPHead(6, hidden_channels=()), torch.randn(2, 6)
    torch.testing.assert_close(head(fused), head.classifier(fused))


def norm_with_statistics():
    norm = SingleSampleBatchNorm1d(3)
    norm.running_mean.copy_(torch.tensor([1.0, -2.0, 0.5]))
    norm.running_var.copy_(torch.tensor([4.0, 1.0, 0.25]))
    return norm


def test_one_sample_in_training_uses_the_running_statistics():
    norm = norm_with_statistics().train()
    x = torch.randn(1, 3, requires_grad=True)
    before = {name: value.clone() for name, value in norm.named_buffers()}
    out = norm(x)
    out.sum().backward()
    torch.testing.assert_close(out, norm.eval()(x))
    assert x.grad.isfinite().all()
    assert all(torch.equal(value, before[name]) for name, value in norm.named_buffers())


def test_more_samples_are_normalised_as_ever():
    x = torch.randn(5, 3)
    own, stock = norm_with_statistics().train(), torch.nn.BatchNorm1d(3)
    stock.load_state_dict(own.state_dict())
    torch.testing.assert_close(own(x), stock(x))
    torch.testing.assert_close(own.running_var, stock.running_var)


def test_hidden_channels_must_be_positive():
    with pytest.raises(ValueError, match=r"`hidden_channels` > 0, got \(8, 0\)"):
        ForgeryMLPHead(4, hidden_channels=[8, 0])
