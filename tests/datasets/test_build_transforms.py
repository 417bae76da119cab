import pytest

from macbdf_mm.datasets.build_transforms import build_transforms
from macbdf_mm.errors import ConfigError

RESIZE = dict(type="Resize", scale=(8, 8))


@pytest.mark.parametrize(
    "pipeline",
    [
        [RESIZE],
        [dict(type="mmcv.CenterCrop", crop_size=8)],
        [dict(type="RandomApply", prob=0.5, transforms=[RESIZE])],
    ],
)
def test_transforms_of_pictures_would_do_nothing_to_a_clip(pipeline):
    import mmcv.transforms  # noqa: F401

    with pytest.raises(ConfigError, match=r"is mmcv's, .* write type='mmaction\.(Resize|Center)"):
        build_transforms(pipeline)


def test_wrappers_and_those_of_clips_are_built():
    import mmcv.transforms  # noqa: F401

    broadcast = dict(
        type="TransformBroadcaster", mapping=dict(img="imgs"), auto_remap=True, transforms=[RESIZE]
    )
    clips = dict(type="RandomApply", prob=0.5, transforms=[dict(type="mmaction.Flip")])
    assert (
        len(build_transforms([broadcast, clips, dict(type="mmaction.Resize", scale=(8, 8))])) == 3
    )
