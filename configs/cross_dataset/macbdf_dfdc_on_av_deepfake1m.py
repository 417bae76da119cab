# Trained on DFDC, tested on AV-Deepfake1M: weights and thresholds come from DFDC alone.
# Its published test part has no labels, and nothing is chosen on its validation part here: that
# is the one tested on. Its forgeries are short parts of a clip, which windows that overlap look for.
_base_ = ["../macbdf_dfdc.py"]

test_dataloader = dict(dataset=dict(data_root="data/av_deepfake1m_crops", split="val"))
