"""From packed samples to the tensors that the model takes."""
