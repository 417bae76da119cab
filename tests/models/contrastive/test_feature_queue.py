import copy
import zlib

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from macbdf_mm.models.contrastive.feature_queue import FeatureQueue, FeatureSet, clip_id, join


class ListQueue:
    """The queue as a Python list of slots: one row at a time, oldest slot first."""

    def __init__(self, length):
        self.slots = [None] * length
        self.pointer = 0

    def push(self, row):
        self.slots[self.pointer] = row
        self.pointer = (self.pointer + 1) % len(self.slots)


def rows_of(first_id, valid):
    num = len(valid)
    ids = torch.arange(first_id, first_id + num)
    embeddings = torch.stack([ids, -ids], dim=1).float()
    return FeatureSet(embeddings, ids % 3 - 1, ids, torch.tensor(valid, dtype=torch.bool))


def assert_equals_list(queue, expected):
    assert queue.pointer.item() == expected.pointer
    for slot, stored in enumerate(expected.slots):
        assert queue.valid[slot].item() == (stored is not None)
        if stored is None:
            assert queue.clip_ids[slot] == -1
        else:
            assert queue.clip_ids[slot] == stored
            assert queue.labels[slot] == stored % 3 - 1
            assert queue.features[slot].tolist() == [stored, -stored]


@pytest.mark.holds("3.2.1, queue", "wrap-around of the queue")
@settings(max_examples=60, deadline=None)
@given(
    length=st.integers(1, 9),
    batches=st.lists(st.lists(st.booleans(), max_size=25), max_size=6),
)
def test_wrap_around_equals_a_list_at_any_batch_size(length, batches):
    queue, expected, next_id = FeatureQueue(length, 2), ListQueue(length), 0
    for valid in batches:
        queue.stage(rows_of(next_id, valid))
        queue.advance()
        for offset, is_valid in enumerate(valid):
            if is_valid:
                expected.push(next_id + offset)
        next_id += len(valid)
        assert_equals_list(queue, expected)


def test_several_staged_batches_equal_one(make_features):
    parts, whole = FeatureQueue(5, 8), FeatureQueue(5, 8)
    batch = make_features([1, 0, 1], dtype=torch.float32)
    for _ in range(2):
        parts.stage(batch)
    parts.advance()
    for _ in range(2):
        whole.stage(batch)
        whole.advance()
    for name, buffer in parts.named_buffers():
        assert torch.equal(buffer, whole.get_buffer(name)), name


def test_starts_empty_and_is_read_before_written(make_features):
    queue = FeatureQueue(4, 8)
    queue.stage(make_features([1, 0]))
    assert not queue.contents().valid.any()
    queue.advance()
    assert queue.contents().valid.sum() == 2


def test_advance_writes_once_and_discard_writes_nothing(make_features):
    queue = FeatureQueue(4, 8)
    queue.stage(make_features([1]))
    queue.advance()
    queue.advance()
    assert queue.pointer == 1
    queue.stage(make_features([1]))
    queue.discard_staged()
    queue.advance()
    assert queue.pointer == 1


def test_eval_changes_nothing(make_features):
    queue = FeatureQueue(4, 8).eval()
    before = copy.deepcopy(queue.state_dict())
    queue.stage(make_features([1, 0]))
    queue.advance()
    assert all(torch.equal(value, before[name]) for name, value in queue.state_dict().items())


def test_rows_that_are_not_finite_are_left_out():
    rows = rows_of(1, [True, True, True])
    rows.embeddings[1, 0] = torch.inf
    queue = FeatureQueue(4, 2)
    queue.stage(rows)
    queue.advance()
    assert queue.clip_ids.tolist() == [1, 3, -1, -1]


def test_stored_rows_carry_no_graph(make_features):
    queue = FeatureQueue(4, 8)
    queue.stage(make_features([1, 0], grad=True))
    assert not queue.staged().embeddings.requires_grad  # or a step's graphs would stay alive
    queue.advance()
    assert not queue.contents().embeddings.requires_grad


def test_state_dict_round_trip_continues_the_ring():
    queue, again = FeatureQueue(5, 2), FeatureQueue(5, 2)
    queue.stage(rows_of(0, [True] * 7))
    queue.advance()
    again.load_state_dict(queue.state_dict())
    for each in (queue, again):
        each.stage(rows_of(7, [True] * 4))
        each.advance()
    for name, buffer in queue.named_buffers():
        assert torch.equal(buffer, again.get_buffer(name)), name


def test_no_slots_are_refused():
    with pytest.raises(ValueError, match=r"Expected `length` > 0, got 0\."):
        FeatureQueue(0, 8)


def test_no_channels_are_refused():
    with pytest.raises(ValueError, match=r"Expected `embed_dims` > 0, got -1\."):
        FeatureQueue(8, -1)


def test_known_needs_a_label_and_a_track(make_features):
    features = make_features([1, 0, -1, 1], valid=[True, True, True, False])
    assert features.known.tolist() == [True, True, False, False]


def test_blanked_overwrites_nan_of_missing_rows_in_value_and_gradient(make_features):
    features = make_features([1, 0], valid=[False, True])
    embeddings = features.embeddings.clone()
    embeddings[0] = torch.nan
    embeddings.requires_grad_()
    blanked = FeatureSet(embeddings, features.labels, features.clip_ids, features.valid).blanked()
    blanked.embeddings.square().sum().backward()
    assert torch.equal(blanked.embeddings[0], torch.zeros(8, dtype=torch.float64))
    assert torch.equal(blanked.embeddings[1], features.embeddings[1])
    assert torch.equal(embeddings.grad[0], torch.zeros(8, dtype=torch.float64))


@pytest.mark.parametrize(
    ("given", "expected"),
    [(torch.bfloat16, torch.float32), (torch.float32, torch.float32), (torch.float64,) * 2],
)
def test_blanked_is_at_least_float32(make_features, given, expected):
    assert make_features([1], dtype=given).blanked().embeddings.dtype == expected


def test_join_keeps_order(make_features):
    first, second = make_features([1, 0], clip_ids=[7, 8]), make_features([-1], clip_ids=[9])
    joined = join([first, second])
    assert len(joined) == 3
    assert joined.labels.tolist() == [1, 0, -1]
    assert joined.clip_ids.tolist() == [7, 8, 9]
    assert torch.equal(joined.embeddings[2], second.embeddings[0])


def test_detach_cuts_the_graph(make_features):
    assert not make_features([1], grad=True).detach().embeddings.requires_grad


def test_unpooled_embeddings_are_refused():
    one = torch.zeros(2, dtype=torch.int64)
    with pytest.raises(ValueError, match=r"`embeddings` of shape \(N, D\), got \(2, 3, 4\)"):
        FeatureSet(torch.zeros(2, 3, 4), one, one, one.bool())


@pytest.mark.parametrize("name", ["labels", "clip_ids", "valid"])
def test_columns_of_another_length_are_refused(name):
    columns = {key: torch.zeros(2, dtype=torch.int64) for key in ("labels", "clip_ids", "valid")}
    columns[name] = torch.zeros(3, dtype=torch.int64)
    with pytest.raises(ValueError, match=rf"`{name}` of shape \(2,\).*got \(3,\)"):
        FeatureSet(torch.zeros(2, 4), **columns)


def test_an_id_follows_from_the_name_alone_and_is_exact_in_float32():
    assert clip_id("a/b.mp4") == zlib.crc32(b"a/b.mp4") & 0xFFFFFF
    assert clip_id("a/b.mp4") != clip_id("a/c.mp4")
    ids = {clip_id(f"videos/{index}.mp4") for index in range(2000)}
    assert len(ids) >= 1999
    assert max(ids) < 2**24


def test_names_that_are_not_unicode_have_an_id():
    assert clip_id("a\udcff.mp4") == zlib.crc32(b"a\xff.mp4") & 0xFFFFFF
