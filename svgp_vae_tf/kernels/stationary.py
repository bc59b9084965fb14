"""Stationary kernels, functions of the distance between inputs."""

from collections.abc import Sequence

from svgp_vae_tf.kernels.base import register
from svgp_vae_tf.kernels.wrapped import NamedKernel


@register
class SquaredExponential(NamedKernel):
    """``a^2 exp(-|x - z|^2 / (2 l^2))``, also known as the RBF or Gaussian kernel.

    Args:
        length_scale: l; a sequence gives one length scale per selected column (automatic relevance determination).
        amplitude: a; None fixes it at 1, as the decoder can absorb the scale of a latent.
        kwargs: see `Kernel`.
    """

    def __init__(self, length_scale: float | Sequence[float] = 1.0, amplitude: float | None = None, **kwargs) -> None:
        super().__init__("ExponentiatedQuadratic", {"length_scale": length_scale, "amplitude": amplitude}, **kwargs)


class _Matern(NamedKernel):
    _class_name: str

    def __init__(self, length_scale: float | Sequence[float] = 1.0, amplitude: float | None = None, **kwargs) -> None:
        super().__init__(self._class_name, {"length_scale": length_scale, "amplitude": amplitude}, **kwargs)


@register
class Matern12(_Matern):
    """``a^2 exp(-r)`` with r = |x - z| / l: the Matern kernel with smoothness 1/2, continuous but not differentiable.

    Arguments as for `SquaredExponential`.
    """

    _class_name = "MaternOneHalf"


@register
class Matern32(_Matern):
    """``a^2 (1 + sqrt(3) r) exp(-sqrt(3) r)`` with r = |x - z| / l: the Matern kernel with smoothness 3/2.

    Arguments as for `SquaredExponential`.
    """

    _class_name = "MaternThreeHalves"


@register
class Matern52(_Matern):
    """``a^2 (1 + sqrt(5) r + 5 r^2 / 3) exp(-sqrt(5) r)`` with r = |x - z| / l: the Matern kernel with smoothness 5/2.

    Arguments as for `SquaredExponential`.
    """

    _class_name = "MaternFiveHalves"


@register
class RationalQuadratic(NamedKernel):
    """``a^2 (1 + |x - z|^2 / (2 w l^2))^-w``: a mixture of squared exponentials of different length scales.

    Args:
        length_scale, amplitude, kwargs: see `SquaredExponential`.
        scale_mixture_rate: w; the larger, the closer to a squared exponential.
    """

    def __init__(
        self,
        length_scale: float | Sequence[float] = 1.0,
        amplitude: float | None = None,
        scale_mixture_rate: float = 1.0,
        **kwargs,
    ) -> None:
        arguments = {"length_scale": length_scale, "amplitude": amplitude, "scale_mixture_rate": scale_mixture_rate}
        super().__init__("RationalQuadratic", arguments, **kwargs)
