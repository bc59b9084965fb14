"""Moving ball: recover the path of a ball from a video (paper, section 4.1)."""
