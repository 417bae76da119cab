# Bare names are looked up in mmaction2, ours carry their scope: so a config that builds on
# this one can sit in an mmaction2 project unchanged.
default_scope = "mmaction"
custom_imports = dict(imports=["macbdf_mm"], allow_failed_imports=False)

default_hooks = dict(
    runtime_info=dict(type="mmengine.RuntimeInfoHook"),
    timer=dict(type="mmengine.IterTimerHook"),
    logger=dict(type="mmengine.LoggerHook", interval=10, ignore_last=False),
    param_scheduler=dict(type="mmengine.ParamSchedulerHook"),
    sampler_seed=dict(type="mmengine.DistSamplerSeedHook"),
    sync_buffers=dict(type="mmengine.SyncBuffersHook"),
    checkpoint=dict(
        type="macbdf_mm.PlainCheckpointHook",
        interval=1,
        max_keep_ckpts=2,
        save_best="overall/auc",
        rule="greater",
    ),
)
custom_hooks = [
    dict(type="macbdf_mm.SeedEveryIterationHook"),
    dict(type="macbdf_mm.DecisionThresholdHook"),
]

env_cfg = dict(
    cudnn_benchmark=False,
    mp_cfg=dict(mp_start_method="fork", opencv_num_threads=0),
    dist_cfg=dict(backend="nccl"),
)
randomness = dict(seed=0, diff_rank_seed=False, deterministic=False)

log_processor = dict(type="mmengine.LogProcessor", window_size=10, by_epoch=True)
log_level = "INFO"
visualizer = dict(type="mmengine.Visualizer", vis_backends=[dict(type="mmengine.LocalVisBackend")])

load_from = None
resume = False
