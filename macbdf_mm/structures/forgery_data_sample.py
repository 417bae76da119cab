"""What is known, and what is predicted, about one sampled clip."""

from mmengine.structures import BaseDataElement


class ForgeryDataSample(BaseDataElement):
    """Labels and predictions of one clip, or of one window of a longer video.

    Meta information (:meth:`set_metainfo`): ``file`` (as the annotation names it), ``path``,
    ``dataset_name``, ``span_seconds`` (start, end), ``identity``, ``source``, ``method``,
    ``category``, ``split``, ``sample_idx``; the clip's own labels over its whole length are
    ``clip_label``, ``clip_video_label`` and ``clip_audio_label``.

    Data fields, tensors without a batch axis (1 fake, 0 real, -1 unknown):

    - ``gt_label``, ``gt_video_label``, ``gt_audio_label``: int64, shape (), of the span;
    - ``gt_video_steps``, ``gt_audio_steps``: int64, shape (T',), one label a time step;
    - ``pred_scores``: float32, shape (3,), P(fake) of overall, video, audio; NaN for a
      track that was not seen;
    - ``pred_video_steps``, ``pred_audio_steps``: float32, shape (T',), P(fake) of each time
      step, NaN where the track was not seen; only from a model with a frame-level head.
    """
