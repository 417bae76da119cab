"""What crosses the modalities, as plain modules: weights, exchange, fusion, frame logits."""
