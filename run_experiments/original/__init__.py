"""The original program's objectives where they differ from the paper's equations, kept to explain published numbers."""
