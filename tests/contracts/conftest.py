"""The other process, started once for all contracts that need one."""

import json
from typing import NamedTuple

import numpy as np
import pytest

from tests.helpers import contract_files, workers


class OtherProcess(NamedTuple):
    """What it found, and what was saved here."""

    saved: dict[str, dict[str, np.ndarray]]
    loaded: dict[str, np.ndarray]
    replicas: dict[str, dict | str]


@pytest.fixture(scope="session")
def other_process(tmp_path_factory) -> OtherProcess:
    folder = tmp_path_factory.mktemp("contracts")
    saved = {}
    for i, name in enumerate(contract_files.MAKERS):
        model, aux, observations = contract_files.make(name)
        model.save(folder / f"{i}.keras")
        saved[name] = contract_files.answers(model, aux, observations)
    workers.launch("tests.helpers.contract_process", folder, timeout=300)
    with np.load(folder / "loaded.npz") as file:
        loaded = dict(file)
    return OtherProcess(saved, loaded, json.loads((folder / "replicas.json").read_text()))
