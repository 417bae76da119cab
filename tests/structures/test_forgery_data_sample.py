import torch

from macbdf_mm.structures.forgery_data_sample import ForgeryDataSample


def test_labels_are_data_and_the_file_is_meta_information():
    sample = ForgeryDataSample(metainfo={"file": "a.mp4", "span_seconds": (0.0, 1.28)})
    sample.gt_label = torch.tensor(1)
    assert set(sample.metainfo_keys()) == {"file", "span_seconds"}
    assert sample.keys() == ["gt_label"]
    assert sample.to_dict()["file"] == "a.mp4"
