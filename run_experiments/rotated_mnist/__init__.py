"""Rotated MNIST: generate digits at an unseen angle (paper, section 4.2)."""
