# Bare names are this package's, or else MMEngine's; parts of mmaction2 carry its prefix.
default_scope = "macbdf_mm"
custom_imports = dict(imports=["macbdf_mm"], allow_failed_imports=False)

# Hooks of this package stand here too, by name: a config that inherits may give a list of its own
# as `custom_hooks`, which MMEngine would put in the place of one given here.
default_hooks = dict(
    runtime_info=dict(type="RuntimeInfoHook"),
    timer=dict(type="IterTimerHook"),
    logger=dict(type="LoggerHook", interval=10, ignore_last=False),
    param_scheduler=dict(type="ParamSchedulerHook"),
    sampler_seed=dict(type="DistSamplerSeedHook"),
    sync_buffers=dict(type="SyncBuffersHook"),
    checkpoint=dict(
        type="PlainCheckpointHook",
        interval=1,
        max_keep_ckpts=2,
        # Which direction is better stands in the table of metrics.
        save_best="overall/auc",
    ),
    seed_every_iteration=dict(type="SeedEveryIterationHook"),
    # Idle for a model without queues.
    contrastive_state=dict(type="ContrastiveStateHook"),
    om_pareto_log=dict(type="OMParetoLogHook"),
    decision_threshold=dict(type="DecisionThresholdHook"),
    report_skipped_files=dict(type="ReportSkippedFilesHook"),
    known_labels=dict(type="KnownLabelsHook"),
    resume_in_epochs=dict(type="ResumeInEpochsHook"),
)

env_cfg = dict(
    cudnn_benchmark=False,
    # On GPUs, what stays float32 may be multiplied as TF32.
    allow_tf32=True,
    mp_cfg=dict(mp_start_method="fork", opencv_num_threads=0),
    dist_cfg=dict(backend="nccl"),
)
randomness = dict(seed=0, diff_rank_seed=False, deterministic=False)

log_processor = dict(type="LogProcessor", window_size=10, by_epoch=True)
log_level = "INFO"
visualizer = dict(type="Visualizer", vis_backends=[dict(type="LocalVisBackend")])

load_from = None
resume = False
