"""The other process, started once for all contracts that need one."""

import json
from typing import NamedTuple

import numpy as np
import pytest

from tests.helpers import contract_files, workers
from tests.helpers.contract_models import MODELS


class OtherProcess(NamedTuple):
    """What it found, and what was saved here."""

    saved: dict[str, dict[str, np.ndarray]]
    loaded: dict[str, np.ndarray]
    replicas: dict[str, dict | str]
    classes: set[type]
    """Of all layers and optimizers in the files."""


@pytest.fixture(scope="session")
def other_process(tmp_path_factory) -> OtherProcess:
    folder = tmp_path_factory.mktemp("contracts")
    saved, files, classes = {}, {}, set()
    for i, name in enumerate(contract_files.MAKERS):
        model, aux, observations = contract_files.make(name)
        classes |= contract_files.classes_within(model)
        file = str(folder / f"{i}.keras")
        model.save(file)
        contract_files.write_data(file + ".npz", aux, observations)
        saved[name], files[name] = contract_files.answers(model, aux, observations), file
    (folder / "files.json").write_text(json.dumps(files))
    replicated = [name for name, case in MODELS.items() if not case.replicas_tested]
    workers.launch("tests.helpers.contract_process", folder, *replicated, timeout=300)
    with np.load(folder / "loaded.npz") as file:
        loaded = dict(file)
    return OtherProcess(saved, loaded, json.loads((folder / "replicas.json").read_text()), classes)


@pytest.fixture(scope="session")
def more_replicas(tmp_path_factory) -> dict[str, dict | str]:
    """The models that other tests train on two replicas as well."""
    folder = tmp_path_factory.mktemp("replicas")
    replicated = [name for name, case in MODELS.items() if case.replicas_tested]
    workers.launch("tests.helpers.contract_process", folder, *replicated, timeout=300)
    return json.loads((folder / "replicas.json").read_text())
