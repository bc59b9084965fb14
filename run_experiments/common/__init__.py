"""What the experiments share: runs, settings and flags, run folders, figures, tables."""
