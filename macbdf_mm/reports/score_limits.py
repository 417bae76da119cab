"""What a score does not mean: said on every page and model card."""

SCORE_LIMITS = (
    "A score is P(fake) under the conditions of the validation data. It is evidence and not proof "
    "that a video was forged, and a low score does not prove that it is real.",
    "Kinds of forgery that were not in the training data may get any score. So may recordings of "
    "other people, cameras and codecs.",
    "A true recording with a false date, place or caption is real to this detector.",
    "A score alone is no ground for accusing a person or removing a video.",
)
