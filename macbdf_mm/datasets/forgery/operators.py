"""All operators by name, and which of them no training clip shows."""

from macbdf_mm.datasets.forgery.clip import Operator
from macbdf_mm.datasets.forgery.face_operators import (
    blended_patch,
    mouth_rerender,
    mouth_swap,
    region_resample,
)
from macbdf_mm.datasets.forgery.other_speech import dubbing, word_splice
from macbdf_mm.datasets.forgery.resynthesis import another_voice, griffin_lim

VIDEO_OPERATORS: dict[str, Operator] = {
    "blended_patch": blended_patch,
    "mouth_swap": mouth_swap,
    "region_resample": region_resample,
    "mouth_rerender": mouth_rerender,
}
AUDIO_OPERATORS: dict[str, Operator] = {
    "griffin_lim": griffin_lim,
    "word_splice": word_splice,
    "dubbing": dubbing,
    "another_voice": another_voice,
}
# One per modality: each shares a kind of trace with an operator that is trained on.
TEST_ONLY_OPERATORS = frozenset({"mouth_rerender", "another_voice"})
