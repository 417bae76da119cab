"""The two encoders: transformers that keep their grid."""
