"""One run on several devices or workers: the meaning of --distribute.

The first worker is the chief and writes the run folder. The others do the same work and write theirs to a temporary
folder: figures and evaluations need sums over all workers, so that none may skip one.
"""

import contextlib
import dataclasses
import hashlib
import json
import os
import shutil
import tempfile
import threading
from collections.abc import Iterator
from typing import Any

import tensorflow as tf
from absl import flags

from data_generators.commands import lock
from run_experiments.common import run_folder
from svgp_vae_tf.models import translation

flags.disclaim_key_flags()  # --help lists them as flags of the program that defines them

DISTRIBUTIONS = ("none", "mirrored", "multi_worker")
CONNECT_TIMEOUT = 600
"""Seconds to wait for all workers."""
MACHINE_PATHS = ("data", "mnist_path", "sheets", "start_from")
"""Settings that are paths on one machine, and may differ between workers or machines."""
TF_CONFIG_EXAMPLE = (
    '{"cluster": {"worker": ["127.0.0.1:4001", "127.0.0.1:4002"]}, "task": {"type": "worker", "index": 0}}'
)


def define_flag() -> None:
    """Define --distribute."""
    flags.DEFINE_enum("distribute", "none", DISTRIBUTIONS, "Train on one device, on all devices of this machine, or "
                      "together with the workers that TF_CONFIG names (docs/guides/several_devices.md).")  # fmt: skip


@dataclasses.dataclass(frozen=True)
class WorkerGroup:
    """The processes that make one run together.

    Args:
        strategy: the strategy in whose scope the model is built.
        chief: whether this process writes the run folder.
        spare_folder: the folder that the other processes write.
    """

    strategy: tf.distribute.Strategy
    chief: bool
    spare_folder: str

    @contextlib.contextmanager
    def folder(self, path: str, resume: bool) -> Iterator[run_folder.RunFolder]:
        """The folder that this process writes; workers other than the chief start from a copy of the chief's files.

        Raises:
            FolderInUseError, RunFolderError: as for `run_folder.claim`.
        """
        if self.chief:
            with run_folder.claim(path, resume) as folder:
                yield folder
            return
        if resume and os.path.isdir(path):
            others = shutil.ignore_patterns("tensorboard", "figures", "*.keras", "*.partial*", lock.NAME)
            shutil.copytree(path, self.spare_folder, ignore=others, dirs_exist_ok=True)
        yield run_folder.RunFolder(self.spare_folder, resume=True)

    def verbose(self, requested: int | str) -> int | str:
        """Keras' `verbose` for this process: only the chief shows progress."""
        return requested if self.chief else 0

    def check_start(self, step: int, settings: dict[str, Any]) -> None:
        """Check that all workers start from the same step with the same settings, apart from `MACHINE_PATHS`.

        Raises:
            RunFolderError: if they do not, for example because they do not see the same folder.
        """
        if not translation.several_workers(self.strategy):
            return
        if not self._same_for_all(step):
            raise run_folder.RunFolderError("workers start from different steps: all must see the same --output_dir")
        shared = {name: value for name, value in settings.items() if name not in MACHINE_PATHS}
        if not self._same_for_all(json.dumps(shared, sort_keys=True)):
            raise run_folder.RunFolderError("workers have different settings: start all with the same flags")

    def _same_for_all(self, value: Any) -> bool:
        """Whether all workers have this value; all get the same answer, so that none waits for another."""
        number = _hash(value)
        moments = tf.constant([number, number**2], tf.int64)
        total, squares = self.strategy.reduce(tf.distribute.ReduceOp.SUM, moments, axis=None).numpy().tolist()
        return total**2 == squares * self.strategy.num_replicas_in_sync  # Cauchy-Schwarz: only if all are equal


def _hash(value: Any) -> int:
    """A 24-bit hash of a value."""
    return int.from_bytes(hashlib.sha256(str(value).encode()).digest()[:3], "big")


@contextlib.contextmanager
def worker_group(distribution: str) -> Iterator[WorkerGroup]:
    """Set up the processes of a run; must come before any other use of TensorFlow.

    Args:
        distribution: one of `DISTRIBUTIONS`.

    Raises:
        ValueError: if TF_CONFIG does not name the workers.
        WorkerLostError: when another worker does not answer any more.
    """
    if distribution == "multi_worker":
        task, workers = read_cluster(os.environ.get("TF_CONFIG"))
        strategy = _connect(task, workers)
    else:
        task, strategy = 0, _mirrored() if distribution == "mirrored" else tf.distribute.get_strategy()
    with tempfile.TemporaryDirectory() as spare, translation.translate_worker_errors(strategy):
        yield WorkerGroup(strategy, task == 0, spare)


def read_cluster(text: str | None) -> tuple[int, list[str]]:
    """Parse TF_CONFIG.

    Returns:
        The index of this worker, and the addresses of all.

    Raises:
        ValueError: if it does not describe workers; the message is one line.
    """
    if not text:
        raise ValueError(f"--distribute=multi_worker needs TF_CONFIG in the environment, such as {TF_CONFIG_EXAMPLE}")
    try:
        config = json.loads(text)
        cluster, task = config["cluster"], config["task"]
        workers, kind, index = cluster["worker"], task["type"], task["index"]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"TF_CONFIG cannot be read ({type(error).__name__}: {error}); it must look like {TF_CONFIG_EXAMPLE}"
        ) from error
    if set(cluster) != {"worker"} or kind != "worker":
        raise ValueError(f"TF_CONFIG may have tasks of type worker only; it must look like {TF_CONFIG_EXAMPLE}")
    if not isinstance(workers, list) or not all(_is_address(address) for address in workers):
        raise ValueError(f"TF_CONFIG needs a list of workers as host:port, got {workers!r}")
    if not isinstance(index, int) or not 0 <= index < len(workers):
        raise ValueError(f"TF_CONFIG names {len(workers)} worker(s), so no index {index!r}")
    return index, workers


def _is_address(address: object) -> bool:
    host, _, port = address.rpartition(":") if isinstance(address, str) else ("", "", "")
    return bool(host) and port.isdigit() and 0 < int(port) < 65536


def _connect(task: int, workers: list[str]) -> tf.distribute.Strategy:
    """Wait for all workers. TensorFlow itself would wait for an hour, and ignore signals meanwhile."""

    def give_up() -> None:
        print(f"error: not all of {', '.join(workers)} connected within {CONNECT_TIMEOUT} s", flush=True)
        os._exit(1)

    tf.get_logger().setLevel("WARNING")  # otherwise every sum over workers is logged
    print(f"worker {task} of {len(workers)} waits for the others", flush=True)
    timer = threading.Timer(CONNECT_TIMEOUT, give_up)
    timer.daemon = True
    timer.start()
    try:
        return tf.distribute.MultiWorkerMirroredStrategy()
    except tf.errors.OpError as error:
        raise ValueError(f"this worker cannot listen at its address {workers[task]}; is it in use?") from error
    finally:
        timer.cancel()


def _mirrored() -> tf.distribute.Strategy:
    gpus = tf.config.list_logical_devices("GPU")
    devices = gpus or tf.config.list_logical_devices("CPU")
    print(f"--distribute=mirrored trains on {len(devices)} {'GPU' if gpus else 'CPU'}(s)", flush=True)
    return tf.distribute.MirroredStrategy([device.name for device in devices])
