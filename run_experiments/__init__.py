"""The paper's experiments: flags, data, model, fit, report."""
