"""As much of pandas as the package uses, which need not be there."""

from typing import Any

import numpy as np


class NAType:
    """A missing value, which is neither equal to anything nor different from it."""

    def __eq__(self, other: Any) -> Any:
        return self

    def __bool__(self) -> bool:
        raise TypeError("boolean value of NA is ambiguous")


class Frame:
    """A DataFrame or Series without names."""

    def __init__(self, values: np.ndarray) -> None:
        self._values = values

    def to_numpy(self) -> np.ndarray:
        return self._values


class NamedFrame(Frame):
    """A DataFrame with names."""

    def __init__(self, **columns: np.ndarray) -> None:
        super().__init__(np.stack(list(columns.values()), axis=-1))
        self.columns = list(columns)

    def __getitem__(self, name: str) -> Frame:
        return Frame(self._values[..., self.columns.index(name)])
