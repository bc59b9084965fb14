"""One run on several devices or workers: what --distribute means.

The first worker is the chief and writes the run folder. The others do the same work and write theirs to a temporary
folder: figures and evaluations call for sums over all workers, so none may leave one out.
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

from run_experiments.common import run_folder
from svgp_vae_tf.models import translation

flags.disclaim_key_flags()  # they are of the program that defines them, whose --help shows them

NAMES = ("none", "mirrored", "multi_worker")
SECONDS_TO_MEET = 600
PATHS = ("data", "mnist_path", "sheets", "start_from")
"""Settings that may differ between machines."""
EXAMPLE = '{"cluster": {"worker": ["127.0.0.1:4001", "127.0.0.1:4002"]}, "task": {"type": "worker", "index": 0}}'


def define_flag() -> None:
    """Define --distribute."""
    flags.DEFINE_enum("distribute", "none", NAMES, "Train on one device, on all of this machine, or with other "
                      "workers, which TF_CONFIG names (docs/guides/several_devices.md).")  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Team:
    """The processes that make one run together.

    Args:
        strategy: in whose scope the model is built.
        chief: whether this process writes the run folder.
        spare_folder: where the others write.
    """

    strategy: tf.distribute.Strategy
    chief: bool
    spare_folder: str

    def refuse_taken(self, path: str, resume: bool) -> None:
        """As `run_folder.refuse_taken`, by the process that writes there."""
        if self.chief:
            run_folder.refuse_taken(path, resume)

    def folder(self, path: str, resume: bool) -> run_folder.RunFolder:
        """The folder this process writes to; the others begin with a copy of the chief's files.

        Raises:
            RunFolderError: as for `RunFolder`.
        """
        if self.chief:
            return run_folder.RunFolder(path, resume)
        if resume and os.path.isdir(path):
            large = shutil.ignore_patterns("tensorboard", "figures", "*.keras", "*.partial*")
            shutil.copytree(path, self.spare_folder, ignore=large, dirs_exist_ok=True)
        return run_folder.RunFolder(self.spare_folder, resume=True)

    def verbose(self, wanted: int | str) -> int | str:
        """Keras' `verbose`: one process is enough to watch."""
        return wanted if self.chief else 0

    def check_start(self, step: int, settings: dict[str, Any]) -> None:
        """See that all start from the same step, with the same settings but for paths.

        Raises:
            RunFolderError: if they do not, as without a folder that all can read.
        """
        if not translation.several_workers(self.strategy):
            return
        if not self._same_for_all(step):
            raise run_folder.RunFolderError("workers start from different steps: all must see the same --output_dir")
        shared = {name: value for name, value in settings.items() if name not in PATHS}
        if not self._same_for_all(json.dumps(shared, sort_keys=True)):
            raise run_folder.RunFolderError("workers have different settings: start all with the same flags")

    def _same_for_all(self, value: Any) -> bool:
        """Whether all workers have this value; all come to the same answer, so that none waits for another."""
        number = _number_of(value)
        both = tf.constant([number, number**2], tf.int64)
        total, squares = self.strategy.reduce(tf.distribute.ReduceOp.SUM, both, axis=None).numpy().tolist()
        return total**2 == squares * self.strategy.num_replicas_in_sync  # by Cauchy and Schwarz only if all are equal


def _number_of(value: Any) -> int:
    """A number of 24 bits that stands for a value."""
    return int.from_bytes(hashlib.sha256(str(value).encode()).digest()[:3], "big")


@contextlib.contextmanager
def team(name: str) -> Iterator[Team]:
    """Start the processes of a run; call it before anything else of TensorFlow.

    Args:
        name: of `NAMES`.

    Raises:
        ValueError: if TF_CONFIG does not say who the workers are.
        WorkerLostError: when another worker does not answer any more.
    """
    if name == "multi_worker":
        task, workers = read_cluster(os.environ.get("TF_CONFIG"))
        strategy = _meet(task, workers)
    else:
        task, strategy = 0, _mirrored() if name == "mirrored" else tf.distribute.get_strategy()
    with tempfile.TemporaryDirectory() as spare, translation.translate_worker_errors(strategy):
        yield Team(strategy, task == 0, spare)


def read_cluster(text: str | None) -> tuple[int, list[str]]:
    """This worker's index and the addresses of all, from TF_CONFIG.

    Raises:
        ValueError: saying in one line what is wrong with it.
    """
    if not text:
        raise ValueError(f"--distribute=multi_worker needs TF_CONFIG in the environment, such as {EXAMPLE}")
    try:
        config = json.loads(text)
        cluster, task = config["cluster"], config["task"]
        workers, kind, index = cluster["worker"], task["type"], task["index"]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"TF_CONFIG cannot be read ({type(error).__name__}: {error}); it takes {EXAMPLE}") from error
    if set(cluster) != {"worker"} or kind != "worker":
        raise ValueError(f"TF_CONFIG may name tasks of type worker only; it takes {EXAMPLE}")
    if not isinstance(workers, list) or not all(_is_address(address) for address in workers):
        raise ValueError(f"TF_CONFIG needs a list of workers as host:port, got {workers!r}")
    if not isinstance(index, int) or not 0 <= index < len(workers):
        raise ValueError(f"TF_CONFIG names {len(workers)} worker(s), so no index {index!r}")
    return index, workers


def _is_address(address: object) -> bool:
    host, _, port = address.rpartition(":") if isinstance(address, str) else ("", "", "")
    return bool(host) and port.isdigit() and 0 < int(port) < 65536


def _meet(task: int, workers: list[str]) -> tf.distribute.Strategy:
    """Wait for all workers; TensorFlow alone would wait for an hour, deaf to signals."""

    def give_up() -> None:
        print(f"error: not all of {', '.join(workers)} came within {SECONDS_TO_MEET} s", flush=True)
        os._exit(1)

    tf.get_logger().setLevel("WARNING")  # every sum over workers would be a line
    print(f"worker {task} of {len(workers)} waits for the others", flush=True)
    timer = threading.Timer(SECONDS_TO_MEET, give_up)
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
