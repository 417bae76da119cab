from collections import Counter

import pytest
import torch
from mmengine.dataset import BaseDataset
from mmengine.hooks import DistSamplerSeedHook
from mmengine.runner import Runner

from macbdf_mm.datasets.samplers import BalancedSampler
from macbdf_mm.errors import ConfigError
from macbdf_mm.registry import DATA_SAMPLERS

COUNTS = {(0, "RVRA"): 5, (1, "FVRA"): 40, (1, "FVFA"): 21, (-1, None): 3}


class Clips(BaseDataset):
    """A data set of labels alone."""

    def load_data_list(self):
        return [
            dict(label=label, category=category)
            for (label, category), count in COUNTS.items()
            for _ in range(count)
        ]


@pytest.fixture
def clips():
    return Clips()


@pytest.fixture
def on_ranks(monkeypatch):
    """A maker of one sampler a rank."""

    def make(world_size, *arguments, **options):
        samplers = []
        for rank in range(world_size):
            monkeypatch.setattr(
                "macbdf_mm.datasets.samplers.balanced_sampler.get_dist_info",
                lambda rank=rank: (rank, world_size),
            )
            samplers.append(BalancedSampler(*arguments, **options))
        return samplers

    return make


def categories(clips, indices):
    return Counter(clips.get_data_info(index)["category"] for index in indices)


def test_every_category_comes_up_equally_often_in_every_block(clips):
    sampler = BalancedSampler(clips, seed=0)
    indices = list(sampler)
    assert len(indices) == len(sampler) == 72  # 69 clips, in whole blocks of 4.
    for start in range(0, len(indices), 4):
        block = categories(clips, indices[start : start + 4])
        assert block == {"RVRA": 1, "FVRA": 1, "FVFA": 1, None: 1}


def test_no_clip_is_taken_again_before_the_others_of_its_group(clips):
    sampler = BalancedSampler(clips, seed=0)
    taken = Counter(list(sampler))
    by_group = {}
    for index in range(len(clips)):
        category = clips.get_data_info(index)["category"]
        by_group.setdefault(category, []).append(taken[index])
    assert {category: sum(times) for category, times in by_group.items()} == {
        "RVRA": 18, "FVRA": 18, "FVFA": 18, None: 18,
    }  # fmt: skip
    assert all(max(times) - min(times) <= 1 for times in by_group.values())


@pytest.mark.parametrize("world_size", [1, 3])
def test_every_draw_of_a_clip_has_a_turn_of_its_own_on_all_ranks(clips, on_ranks, world_size):
    samplers = on_ranks(world_size, clips, seed=0)
    for epoch in range(2):
        for sampler in samplers:
            sampler.set_epoch(epoch)
        turns = {}
        for index in (index for sampler in samplers for index in sampler):
            turns.setdefault(int(index), []).append(index.turn)
        assert max(map(len, turns.values())) > 3
        assert all(sorted(found) == list(range(len(found))) for found in turns.values())


def test_labels_can_be_balanced_instead(clips):
    sampler = BalancedSampler(clips, by="label", shares=dict(real=1, fake=1, unknown=0), seed=0)
    labels = Counter(clips.get_data_info(index)["label"] for index in sampler)
    assert labels == {0: 35, 1: 35}


def test_shares_weigh_the_groups(clips):
    shares = dict(RVRA=2, FVRA=1, FVFA=1, unknown=0)
    sampler = BalancedSampler(clips, shares=shares, num_samples=20, seed=0)
    assert categories(clips, sampler) == {"RVRA": 10, "FVRA": 5, "FVFA": 5}


def test_a_named_group_without_clips_is_left_out_and_said(clips, monkeypatch):
    said = []
    monkeypatch.setattr(
        "macbdf_mm.datasets.samplers.balanced_sampler.print_log",
        lambda text, **_: said.append(text),
    )
    shares = dict(RVRA=3, FVRA=1, RVFA=1, FVFA=1, unknown=0)
    sampler = BalancedSampler(clips, shares=shares, num_samples=20, seed=0)
    assert said[0].startswith("Balancing by category: there are no clips of RVFA, so the other")
    assert categories(clips, sampler) == {"RVRA": 12, "FVRA": 4, "FVFA": 4}


def test_the_order_within_a_block_is_random(clips):
    order = list(BalancedSampler(clips, seed=0))
    first = [clips.get_data_info(index)["category"] for index in order[::4]]
    assert len(set(first)) == 4


def test_ranks_share_the_blocks_out(clips, on_ranks):
    alone = list(BalancedSampler(clips, num_samples=80, seed=3))
    parts = [list(sampler) for sampler in on_ranks(2, clips, num_samples=80, seed=3)]
    assert [len(part) for part in parts] == [40, 40]
    blocks = [alone[start : start + 4] for start in range(0, 80, 4)]
    assert parts[0] == [index for block in blocks[0::2] for index in block]
    assert parts[1] == [index for block in blocks[1::2] for index in block]
    for part in parts:
        assert categories(clips, part[:8]) == {"RVRA": 2, "FVRA": 2, "FVFA": 2, None: 2}


def test_every_rank_takes_as_many(clips, on_ranks):
    assert {len(list(sampler)) for sampler in on_ranks(3, clips, seed=0)} == {24}


def test_the_order_follows_from_seed_and_epoch_alone(clips):
    sampler, same = BalancedSampler(clips, seed=5), BalancedSampler(clips, seed=5)
    orders = []
    for epoch in range(3):
        sampler.set_epoch(epoch)
        orders.append(list(sampler))
        torch.manual_seed(epoch)
        same.set_epoch(epoch)
        assert list(same) == list(same) == orders[-1]
    # Mixed rather than added: a neighbouring seed is no later epoch.
    sampler = BalancedSampler(clips, seed=6)
    orders.append(list(sampler))
    assert len({tuple(order) for order in orders}) == 4


def test_a_resumed_runner_goes_on_with_the_order_of_its_epoch(clips):
    cfg = dict(batch_size=4, sampler=dict(type="macbdf_mm.BalancedSampler"), dataset=clips)
    loaders = [Runner.build_dataloader(dict(cfg), seed=2) for _ in range(2)]
    for loader in loaders:
        runner = type("R", (), {"epoch": 7, "train_loop": type("L", (), {"dataloader": loader})})
        DistSamplerSeedHook().before_train_epoch(runner)
    assert list(loaders[0].sampler) == list(loaders[1].sampler)
    expected = BalancedSampler(clips, seed=2)
    expected.set_epoch(7)
    assert list(loaders[0].sampler) == list(expected)


def test_is_registered():
    assert DATA_SAMPLERS.get("BalancedSampler") is BalancedSampler


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(by="method"), "`by` 'category' or 'label', got 'method'"),
        (dict(num_samples=0), "`num_samples` > 0 or None, got 0"),
        (dict(shares=dict(RVRA=1)), r"`shares` for the groups \['FVFA', 'FVRA', 'RVRA', 'unkno"),
        (dict(by="label", shares=dict(real=1, fake=-1, unknown=0)), r"`shares\['fake'\]` to be 0"),
        (dict(shares=dict(RVRA=1, FVRA=1, FVFA=1, unknown=1, RVAF=1)), r"out of .*, got .*'RVAF'"),
        (dict(by="label", shares=dict(real=0, fake=0, unknown=0)), "a share above 0"),
    ],
)
def test_wrong_arguments_are_named(clips, options, message):
    with pytest.raises(ConfigError, match=message):
        BalancedSampler(clips, **options)


def test_data_sets_without_labels_are_refused():
    with pytest.raises(ConfigError, match="type list does not tell the labels of its clips"):
        BalancedSampler([1, 2])
