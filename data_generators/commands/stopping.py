"""Ctrl-C and SIGTERM: a command stops when the step at hand has ended, and at once if it is asked again."""

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stopped(KeyboardInterrupt):
    """The command was asked to stop; `code` is the exit code that this has in a shell."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.code = 128 + number


@contextlib.contextmanager
def stoppable() -> Iterator[None]:
    """A context in which a first SIGINT or SIGTERM raises `Stopped`, and a second one ends the process.

    Python raises between operations only, so that a training step is completed. The second signal does not wait for
    that: the system writes the numbers of signals to a pipe, which a thread reads. Signals that are ignored, as in
    background jobs of a script, stay ignored.
    """
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    threading.Thread(target=_end_at_the_second, args=(reader,), daemon=True).start()
    handlers = {number: signal.getsignal(number) for number in SIGNALS}
    wakeup = signal.set_wakeup_fd(writer)
    try:
        for number, handler in handlers.items():
            if handler is not signal.SIG_IGN:
                signal.signal(number, _stop)
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(wakeup)
        os.close(writer)


def _stop(number: int, _: object) -> None:
    raise Stopped(number)


def _end_at_the_second(reader: int) -> None:
    with open(reader, "rb", buffering=0) as signals:
        if signals.read(1) and (second := signals.read(1)):
            os._exit(128 + second[0])


def end_at_once_while_starting() -> None:
    """Let Ctrl-C end a command without a traceback while it imports what it needs: there is nothing to complete yet.

    To be called when a package of commands is imported; has no effect in programs that import it for something else.
    """
    starting = sys.argv[:1] == ["-m"]  # so it is until Python has found the module to run
    if starting and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
