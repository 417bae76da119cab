from torch.utils.data import ConcatDataset, Subset

from macbdf_mm.engine.nested_datasets import nested_datasets


def test_every_level_is_reached():
    first, second = [1, 2], [3]
    inner = Subset(first, [0])
    outer = ConcatDataset([inner, second])
    assert [id(item) for item in nested_datasets(outer)] == [
        id(item) for item in (outer, inner, first, second)
    ]
