"""The paper's networks for the moving ball. They see single frames; models take care of series axes."""

import math

import keras


def _dense(units: int, fan_in: int, activation: str | None = None) -> keras.layers.Dense:
    initializer = keras.initializers.TruncatedNormal(stddev=1.0 / math.sqrt(fan_in))
    return keras.layers.Dense(units, activation=activation, kernel_initializer=initializer)


def ball_encoder(size: int = 32, num_latents: int = 2, hidden: int = 500) -> keras.Sequential:
    """Frames (size, size) to means and log-variances, (2 * num_latents,)."""
    pixels = size * size
    return keras.Sequential(
        [
            keras.layers.Input((size, size)),
            keras.layers.Flatten(),
            _dense(hidden, pixels, "tanh"),
            _dense(2 * num_latents, hidden),
        ],
        name="ball_encoder",
    )


def ball_decoder(size: int = 32, num_latents: int = 2, hidden: int = 500) -> keras.Sequential:
    """Latents (num_latents,) to logits of frames, (size, size)."""
    return keras.Sequential(
        [
            keras.layers.Input((num_latents,)),
            _dense(hidden, num_latents, "tanh"),
            _dense(size * size, hidden),
            keras.layers.Reshape((size, size)),
        ],
        name="ball_decoder",
    )
