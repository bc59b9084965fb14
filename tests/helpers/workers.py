"""Processes that train together: one device, two replicas in one process, two workers on the loopback address.

TensorFlow is imported once; the processes are forked before it has started anything.
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator

import keras
import tensorflow as tf

import svgp_vae_tf.priors  # noqa: F401  (before the forks, which would each import it)

ADDRESS = "127.0.0.1"


def launch(module: str, folder, *arguments: str, timeout: float) -> str:
    """Run ``python -m module folder arguments`` in a process of its own; what it printed."""
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": os.getcwd()}
    environment |= {"OMP_NUM_THREADS": "1", "TF_NUM_INTRAOP_THREADS": "1", "no_proxy": ADDRESS}
    environment["TMPDIR"] = str(folder)  # processes that are killed leave files behind
    line = [sys.executable, "-W", "ignore", "-m", module, str(folder), *arguments]
    process = subprocess.Popen(
        line, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )
    try:
        output, _ = process.communicate(timeout=timeout)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # the forked ones as well
    assert process.returncode == 0, output[-5000:]
    return output


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind((ADDRESS, 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def strategy_of(role: str, ports: list[int]) -> tf.distribute.Strategy:
    if role == "one":
        return tf.distribute.get_strategy()
    if role == "mirrored":
        (cpu,) = tf.config.list_physical_devices("CPU")
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
        return tf.distribute.MirroredStrategy(["/cpu:0", "/cpu:1"])
    set_cluster(role, ports)
    return tf.distribute.MultiWorkerMirroredStrategy()


def set_cluster(role: str, ports: list[int]) -> None:
    cluster = {"worker": [f"{ADDRESS}:{port}" for port in ports]}
    os.environ["TF_CONFIG"] = json.dumps({"cluster": cluster, "task": {"type": "worker", "index": int(role[-1])}})


def fork(target: Callable[[], None]) -> int:
    """The id of a process that calls ``target`` and ends."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        target()
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


@contextlib.contextmanager
def processes(targets: list[Callable[[], None]]) -> Iterator[list[int]]:
    """Forked processes, which are gone afterwards."""
    children = [fork(target) for target in targets]
    try:
        yield children
    finally:
        for child in children:
            with contextlib.suppress(ProcessLookupError, ChildProcessError):
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)


def wait_for(child: int, seconds: float) -> int:
    """The exit code of a process.

    Raises:
        TimeoutError: if it goes on for longer.
    """
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.05)
    raise TimeoutError(f"a process went on for more than {seconds} s")


def double_precision() -> None:
    keras.config.set_floatx("float64")
