# Schedule and runtime are the project's own, so that these are tested too.
_base_ = [
    "../../../configs/_base_/default_runtime.py",
    "../../../configs/_base_/schedules/demo.py",
]
custom_imports = dict(imports=["macbdf_mm", "toy_parts"], allow_failed_imports=False)

model = dict(type="ToyDetector", width=8)
optim_wrapper = dict(encoders=dict(_delete_=True, toy="layers.0"))
train_dataloader = dict(
    batch_size=4,
    num_workers=0,
    dataset=dict(type="ToyDataset", num_clips=16),
    sampler=dict(type="DefaultSampler", shuffle=True),
)
val_dataloader = dict(
    batch_size=4,
    num_workers=0,
    dataset=dict(type="ToyDataset", num_clips=18, seed=1),
    sampler=dict(type="DefaultSampler", shuffle=False),
)
test_dataloader = val_dataloader
val_evaluator = dict(type="ForgeryMetric", fit_threshold=True, num_resamples=10)
test_evaluator = dict(type="ForgeryMetric", num_resamples=10)
# The last epoch of a run is always validated: at longer intervals a run that is stopped by a
# smaller max_epochs would be validated once more than one that is not.
train_cfg = dict(max_epochs=3, val_interval=1)
