"""What crosses the modalities."""
