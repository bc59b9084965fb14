"""--distribute: who the workers are, who writes the run folder, and what becomes of a run that loses one."""

import json
import os

import numpy as np
import pytest
import tensorflow as tf

from data_generators.commands import lock
from run_experiments.common import distributed, run_folder
from svgp_vae_tf.callbacks import read_history
from tests.helpers import workers

TWO = ["127.0.0.1:4001", "127.0.0.1:4002"]


def tf_config(**changes) -> str:
    return json.dumps({"cluster": {"worker": TWO}, "task": {"type": "worker", "index": 1}, **changes})


def test_a_cluster_is_read():
    assert distributed.read_cluster(tf_config()) == (1, TWO)
    assert distributed.read_cluster(distributed.TF_CONFIG_EXAMPLE)[0] == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "needs TF_CONFIG in the environment"),
        ("", "needs TF_CONFIG in the environment"),
        ("{", "cannot be read"),
        ("[]", "cannot be read"),
        ("{}", "cannot be read .KeyError: 'cluster'"),
        (tf_config(task={"type": "worker"}), "cannot be read .KeyError: 'index'"),
        (tf_config(task={"type": "worker", "index": 2}), "names 2 worker.s., so no index 2"),
        (tf_config(task={"type": "worker", "index": "0"}), "so no index '0'"),
        (tf_config(task={"type": "ps", "index": 0}), "tasks of type worker only"),
        (tf_config(cluster={"worker": TWO, "ps": TWO}), "tasks of type worker only"),
        (tf_config(cluster={"worker": "127.0.0.1:4001"}), "a list of workers as host:port"),
        (tf_config(cluster={"worker": ["127.0.0.1"]}), "a list of workers as host:port"),
    ],
)
def test_a_wrong_cluster_is_refused_in_one_line(text, message, monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    if text is not None:
        monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(ValueError, match=message) as caught, distributed.worker_group("multi_worker"):
        pass
    assert "\n" not in str(caught.value)


def test_one_device_alone(tmp_path):
    with distributed.worker_group("none") as group:
        assert group.strategy is tf.distribute.get_strategy()
        assert group.verbose(2) == 2
        group.check_start(3, {"steps": 4})
        with group.folder(str(tmp_path / "run"), resume=False) as folder:
            assert folder.path == str(tmp_path / "run")


def test_mirrored_without_a_gpu_says_so(capsys):
    with distributed.worker_group("mirrored") as group:
        assert group.strategy.num_replicas_in_sync == len(tf.config.list_logical_devices("CPU"))
    assert "trains on 1 CPU(s)" in capsys.readouterr().out


def test_workers_that_differ_are_refused(monkeypatch):
    class Sum:
        """A strategy of workers, the others of which have these values."""

        def __init__(self, *others) -> None:
            self.others, self.num_replicas_in_sync = others, 1 + len(others)

        def reduce(self, op, value, axis):
            numbers = [distributed._hash(other) for other in self.others]
            return value + [sum(numbers), sum(number**2 for number in numbers)]

    monkeypatch.setattr(distributed.translation, "several_workers", lambda strategy: True)
    with pytest.raises(run_folder.RunFolderError, match="different steps"):
        distributed.WorkerGroup(Sum(0), True, "").check_start(3, {})
    assert distributed.WorkerGroup(Sum(7, 7), True, "")._same_for_all(7)
    for own, others in ((0, (1, 2)), (1, (0, 2)), (2, (0, 1)), (1, (1, 0))):  # all come to the same
        assert not distributed.WorkerGroup(Sum(*others), True, "")._same_for_all(own)
    asked: list = []
    monkeypatch.setattr(
        distributed.WorkerGroup, "_same_for_all", lambda self, value: asked.append(value) or len(asked) < 2
    )
    values = []
    for settings in ({"steps": 4, "data": "a"}, {"steps": 4, "data": "b"}, {"steps": 5, "data": "a"}):
        asked.clear()
        with pytest.raises(run_folder.RunFolderError, match="different settings"):
            distributed.WorkerGroup(Sum(0), True, "").check_start(3, settings)
        values.append(asked[1])
    assert values[0] == values[1] != values[2]  # where the data are may differ


def test_an_address_in_use_is_refused_in_one_line(monkeypatch):
    def fail():
        raise tf.errors.UnknownError(None, None, "Could not start gRPC server")

    monkeypatch.setattr(tf.distribute, "MultiWorkerMirroredStrategy", fail)
    monkeypatch.setenv("TF_CONFIG", tf_config())
    with (
        pytest.raises(ValueError, match="cannot listen at its address 127.0.0.1:4002"),
        distributed.worker_group("multi_worker"),
    ):
        pass


def test_workers_but_the_chief_write_elsewhere_and_begin_with_what_the_chief_has(tmp_path):
    path, spare = str(tmp_path / "run"), str(tmp_path / "spare")
    chief, other = (distributed.WorkerGroup(tf.distribute.get_strategy(), role, spare) for role in (True, False))
    assert other.verbose("auto") == 0
    with chief.folder(path, resume=False) as folder:
        folder.start({"steps": 3})
        with pytest.raises(lock.FolderInUseError), chief.folder(path, resume=True):
            pass
        with other.folder(path, resume=True) as folder:
            assert folder.path == spare and lock.NAME not in os.listdir(spare)
            with pytest.raises(run_folder.RunFolderError, match="has --steps=3"):
                folder.start({"steps": 4})


@pytest.mark.slow
def test_a_worker_that_dies_ends_the_run_with_one_line_and_the_run_resumes(tmp_path):
    workers.launch("tests.helpers.lost_worker", tmp_path, timeout=1200)
    with open(tmp_path / "seconds.json") as file:
        assert max(json.load(file)) < 60.0
    for survivor in ("worker0", "worker1"):
        with open(f"{tmp_path / 'together'} {survivor}.json") as file:
            name, message = json.load(file)
        assert name == "WorkerLostError"
        assert message.startswith("another worker was lost") and "\n" not in message
    together, alone = (read_history(os.path.join(tmp_path, run, "history.csv")) for run in ("together", "alone"))
    assert [row["step"] for row in together] == [row["step"] for row in alone] == list(range(5, 65, 5))
    for name in alone[0]:
        np.testing.assert_allclose([r[name] for r in together], [r[name] for r in alone], rtol=1e-7, err_msg=name)
