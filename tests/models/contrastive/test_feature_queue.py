import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from macbdf_mm.models.contrastive.feature_queue import FeatureQueue
from macbdf_mm.models.contrastive.feature_set import FeatureSet


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
    for slot, clip_id in enumerate(expected.slots):
        assert queue.valid[slot].item() == (clip_id is not None)
        if clip_id is None:
            assert queue.clip_ids[slot] == -1
        else:
            assert queue.clip_ids[slot] == clip_id
            assert queue.labels[slot] == clip_id % 3 - 1
            assert queue.features[slot].tolist() == [clip_id, -clip_id]


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
