"""Faces: found, followed over a clip, and cropped; numpy in, numpy out.

Only a detector's own package may need more, and is imported when the detector is built.
"""
