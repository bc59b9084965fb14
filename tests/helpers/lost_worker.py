"""A run of two workers that are killed one after the other, resumed each time, for `test_distributed`."""

import functools
import json
import os
import signal
import sys
import time

from run_experiments.moving_ball import experiment as moving_ball
from run_experiments.moving_ball.settings import Settings
from svgp_vae_tf.callbacks import read_history
from tests.helpers import workers

SETTINGS = Settings(num_inducing=5, num_frames=8, batch_size=5, num_test_videos=4, steps=60, steps_per_epoch=5)
PATIENCE = 200.0


def play(role: str, ports: list[int], folder: str) -> None:
    workers.double_precision()
    if role != "one":
        workers.set_cluster(role, ports)
    distribution = "none" if role == "one" else "multi_worker"
    try:
        moving_ball.run(SETTINGS, folder, resume=True, verbose=0, distribution=distribution)
    except Exception as error:
        with open(f"{folder} {role}.json", "w") as file:
            json.dump([type(error).__name__, str(error)], file)
        raise


def start(folder: str) -> list:
    ports = workers.free_ports(2)
    return [functools.partial(play, role, ports, folder) for role in ("worker0", "worker1")]


def rows(folder: str) -> int:
    return len(read_history(os.path.join(folder, "history.csv")))


def kill(folder: str, victim: int) -> float:
    """Kill one worker in the middle of an epoch; the seconds after which the other one ended."""
    before = rows(folder)
    with workers.processes(start(folder)) as children:
        end = time.monotonic() + PATIENCE
        while rows(folder) < before + 2 and time.monotonic() < end:
            time.sleep(0.02)
        assert before + 2 <= rows(folder) < SETTINGS.steps // SETTINGS.epoch_steps
        os.kill(children[victim], signal.SIGKILL)
        killed = time.monotonic()
        assert workers.wait_for(children[1 - victim], PATIENCE) == 1
        return time.monotonic() - killed


def main(folder: str) -> None:
    together, alone = os.path.join(folder, "together"), os.path.join(folder, "alone")
    seconds = [kill(together, victim) for victim in (1, 0)]
    for targets in (start(together), [functools.partial(play, "one", [], alone)]):
        with workers.processes(targets) as children:
            assert [workers.wait_for(child, PATIENCE) for child in children] == [0] * len(children)
    with open(os.path.join(folder, "seconds.json"), "w") as file:
        json.dump(seconds, file)


if __name__ == "__main__":
    main(*sys.argv[1:])
