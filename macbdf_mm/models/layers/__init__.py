"""Plain modules without registries: attention, embeddings, large kernels, masks."""
