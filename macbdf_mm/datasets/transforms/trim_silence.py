"""Looking past the silence at the start and the end of a file."""

from typing import Any

from macbdf_mm.errors import MissingDataError, UndecodableMediaError
from macbdf_mm.media.decoding_process import call_in
from macbdf_mm.media.silence import find_sound
from macbdf_mm.registry import TRANSFORMS


@TRANSFORMS.register_module()
class TrimSilence:
    """Move a span that reaches into the silence before or after the sound of a file off it.

    As if the file began with its sound and ended with it; picture and sound stay in sync. It
    stands between ``SampleClipSpan`` and ``DecodeAudioVisual``. Where less sound remains than a
    span, the span begins with it. Files without sound are left as they are. To probe whether a
    detector lives on that silence, which separates real from fake in some data sets.

    Required keys: path, span_seconds. Optional keys: decode_error, decoding_process.
    Modified keys: span_seconds.
    """

    def __call__(self, results: dict[str, Any]) -> dict[str, Any]:
        """Return ``results`` with another span, or as they are."""
        if results.get("decode_error"):
            return results
        try:
            sound = call_in(results.get("decoding_process"), find_sound, results["path"])
        except (MissingDataError, UndecodableMediaError):
            return results  # Decoding says what is wrong.
        if sound is not None:
            start, end = results["span_seconds"]
            length = end - start
            start = max(sound[0], min(start, sound[1] - length))
            results["span_seconds"] = (start, start + length)
        return results
