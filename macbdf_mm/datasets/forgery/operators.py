"""All operators by name, and which of them no training clip shows."""

from macbdf_mm.datasets.forgery.another_voice import another_voice
from macbdf_mm.datasets.forgery.blended_patch import blended_patch
from macbdf_mm.datasets.forgery.clip import Operator
from macbdf_mm.datasets.forgery.dubbing import dubbing
from macbdf_mm.datasets.forgery.griffin_lim import griffin_lim
from macbdf_mm.datasets.forgery.mouth_rerender import mouth_rerender
from macbdf_mm.datasets.forgery.mouth_swap import mouth_swap
from macbdf_mm.datasets.forgery.region_resample import region_resample
from macbdf_mm.datasets.forgery.word_splice import word_splice

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
# One a modality: each shares a kind of trace with an operator that is trained on.
TEST_ONLY_OPERATORS = frozenset({"mouth_rerender", "another_voice"})
