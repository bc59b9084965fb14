"""Benchmarks of time and memory; candidates are measured side by side and compared by their ratios."""

import run_experiments  # noqa: F401  first, as it sets the environment that TensorFlow reads when it is imported
