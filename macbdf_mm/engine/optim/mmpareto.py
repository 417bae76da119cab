"""The MMPareto step: a peer of OM-Pareto that it builds on."""

from macbdf_mm.engine.optim.om_pareto import STATIONARY_SHARE, minimising_alpha, norm_of_sum


def mmpareto_weights(
    norm_m: float, norm_u: float, cos: float, gamma: float = 1.5
) -> tuple[float, float]:
    """Return the weights of the multimodal and the unimodal gradient.

    Wei and Hu, "MMPareto: Boosting Multimodal Learning with Innocent Unimodal Assistance" (ICML
    2024, arXiv 2405.17730). Without a conflict the gradients are summed; in a conflict the
    direction is that of the min-norm combination, stretched to the length of the sum. Both are
    then stretched by ``gamma``. The authors' code does the stretching tensor by tensor; here an
    encoder is one vector, as the paper writes it.

    Args:
        norm_m: |g_m|, > 0.
        norm_u: |g_u|, > 0.
        cos: Cosine between the two.
        gamma: Rescale factor, > 0; 1.5 in the authors' code.
    """
    if cos >= 0:
        return gamma, gamma
    alpha = minimising_alpha(norm_m, norm_u, cos, lambda_orth=0.0)
    combined = norm_of_sum(alpha * norm_m, (1.0 - alpha) * norm_u, cos)
    if combined <= STATIONARY_SHARE * max(norm_m, norm_u):
        return 0.0, 0.0
    factor = gamma * norm_of_sum(norm_m, norm_u, cos) / combined
    return factor * alpha, factor * (1.0 - alpha)
