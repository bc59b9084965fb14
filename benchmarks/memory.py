"""Memory of single computations, each measured in a process of its own. Linux only."""

import ctypes
import multiprocessing
import os
import resource
import signal
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import Any

from run_experiments import ENVIRONMENT

PLAIN = {"TF_CPU_ALLOCATOR_USE_BFC": "0", "TF_ENABLE_ONEDNN_OPTS": "0"}
ONEDNN = {name: ENVIRONMENT[name] for name in PLAIN}
"""TensorFlow's plain settings, and those of the experiments."""
PRELOADED = ["benchmarks.gp_step", "tensorflow_probability.python.math.psd_kernels"]


def in_fresh_process(function: Callable[..., Any], *args: Any) -> Any:
    """Call a function in a new process that has imported everything and computed nothing; returns its result.

    The process has TensorFlow's plain settings. Its allocator then gives freed memory back to the system; the
    allocators of the experiments and of oneDNN would hide growth.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    return _in_process(context, PLAIN, function, *args)


def with_onednn(function: Callable[..., Any], *args: Any) -> Any:
    """Call a function in a new process with the settings of the experiments, in which growth cannot be measured."""
    return _in_process(multiprocessing.get_context("spawn"), ONEDNN, function, *args)


def _in_process(context: Any, environment: dict[str, str], function: Callable[..., Any], *args: Any) -> Any:
    before = {name: os.environ.get(name) for name in environment}
    os.environ.update(environment)
    try:
        on_ctrl_c = (signal.SIGINT, signal.SIG_DFL)  # the process ends without a traceback
        with ProcessPoolExecutor(
            1, mp_context=context, initializer=signal.signal, initargs=on_ctrl_c, max_tasks_per_child=1
        ) as pool:
            return pool.submit(function, *args).result()
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def growth(call: Callable[[], Any]) -> float:
    """MB by which this process grows, at its peak, during a call.

    Memory that was freed before is given back to the system first, because the call would reuse it unseen. Libraries
    and graphs of earlier calls are not counted.
    """
    ctypes.CDLL(None).malloc_trim(0)
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")  # resets the peak to the present size
    before = highest()
    call()
    return highest() - before


def highest() -> float:
    """Peak memory of this process so far, in MB."""
    return 1.024e-3 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
