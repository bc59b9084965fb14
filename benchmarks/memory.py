"""Memory of single computations, each measured in a process of its own. Linux alone."""

import ctypes
import multiprocessing
import os
import resource
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import Any

from run_experiments import ENVIRONMENT

PLAIN = {"TF_CPU_ALLOCATOR_USE_BFC": "0", "TF_ENABLE_ONEDNN_OPTS": "0"}
ONEDNN = {name: ENVIRONMENT[name] for name in PLAIN}
PRELOADED = ["benchmarks.gp_step", "tensorflow_probability.python.math.psd_kernels"]


def in_fresh_process(function: Callable[..., Any], *args: Any) -> Any:
    """What a function returns in a process that has imported everything and computed nothing.

    TensorFlow's allocator there is the plain one, which gives back what is freed: those which the experiments and
    oneDNN ask for would hide growth.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    return _in_process(context, PLAIN, function, *args)


def with_onednn(function: Callable[..., Any], *args: Any) -> Any:
    """What a function returns in a process with the settings of the experiments, which are no good for its memory."""
    return _in_process(multiprocessing.get_context("spawn"), ONEDNN, function, *args)


def _in_process(context: Any, environment: dict[str, str], function: Callable[..., Any], *args: Any) -> Any:
    before = {name: os.environ.get(name) for name in environment}
    os.environ.update(environment)
    try:
        with ProcessPoolExecutor(1, mp_context=context, max_tasks_per_child=1) as pool:
            return pool.submit(function, *args).result()
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def growth(call: Callable[[], Any]) -> float:
    """MB by which this process grows at most while a call runs.

    Memory that was freed before goes back to the system first, or the call would fill it unseen. Libraries and graphs
    of earlier calls are not counted.
    """
    ctypes.CDLL(None).malloc_trim(0)
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")  # the highest size so far becomes the present size
    before = highest()
    call()
    return highest() - before


def highest() -> float:
    """MB that this process had at most so far."""
    return 1.024e-3 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
