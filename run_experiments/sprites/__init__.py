"""Sprites: generate unseen characters in any pose (paper, section 4.3)."""
