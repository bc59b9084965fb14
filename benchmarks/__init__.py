"""Speed, always as ratios measured side by side in one run."""

import run_experiments  # noqa: F401  first: it sets what TensorFlow reads when it is imported
