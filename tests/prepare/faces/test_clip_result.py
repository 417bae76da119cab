import json

import pytest

from macbdf_mm.prepare.faces.clip_result import ClipResult

RESULT = ClipResult(
    "a.mp4", "00ff", "found", faces=({"times_seconds": [0.0]},), covered_share=0.5, num_frames=7,
    crop_file="crops/00/00ff.mp4", crop_seconds=(0.5, 2.0), crop_face=(0.1, 0.2, 0.9, 0.8),
)  # fmt: skip


@pytest.mark.parametrize("result", [RESULT, ClipResult("b.mp4", "1", "failed", "no face")])
def test_a_result_comes_back_from_json(result):
    assert ClipResult.from_dict(json.loads(json.dumps(result.as_dict()))) == result


def test_something_else_is_refused():
    with pytest.raises(TypeError):
        ClipResult.from_dict({"faces": [], "size": 3})
