"""Settings of short runs of the experiments."""

from run_experiments.moving_ball.settings import Settings as BallSettings
from run_experiments.rotated_mnist.settings import Settings as DigitSettings
from run_experiments.sprites.settings import Settings as SpriteSettings

BALL = BallSettings(steps=4, steps_per_epoch=2, num_test_videos=6, batch_size=3, num_frames=8, num_inducing=4)
SHORT = {
    "images_per_digit": 20,
    "num_inducing": 12,
    "num_latents": 4,
    "epochs": 2,
    "evaluate_every": 1,
    "batch_size": 128,
    "final_batch_size": None,
}
"""Changes to the settings of every model of rotated MNIST."""
DIGITS = DigitSettings.of("svgpvae", **{**SHORT, "batch_size": 64, "final_batch_size": 128})
SPRITES = SpriteSettings(
    characters=4, train_characters=3, poses_per_character=25, num_latents=4, epochs=2, evaluate_every=1,
    characters_per_batch=2, final_characters_per_batch=3, num_context=64,
)  # fmt: skip
