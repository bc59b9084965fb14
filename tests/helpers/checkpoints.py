"""What a checkpoint holds."""

import h5py
import numpy as np


def weights_of(path: str) -> dict[str, np.ndarray]:
    """All arrays of a checkpoint but the metrics', by path."""
    found: dict[str, np.ndarray] = {}
    with h5py.File(path) as file:
        file.visititems(lambda name, item: found.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None)
    return {name: value for name, value in found.items() if "tracker" not in name}
