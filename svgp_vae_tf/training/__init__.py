"""What surrounds training: callbacks, figures, the alignment of latents with known truth."""
