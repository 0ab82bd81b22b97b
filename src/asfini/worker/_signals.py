"""Signals that end a worker, and how its program then ends."""

import asyncio
import atexit
import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def received(obey: Callable[[], None]) -> Iterator[None]:
    """Have signals obeyed on the loop; afterwards they are whose they were before."""
    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def receive(*_: object) -> None:
        loop.call_soon_threadsafe(obey)

    for number in before:
        signal.signal(number, receive)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler or signal.SIG_DFL)


def end_with_main_thread(abandoned: set[threading.Thread]) -> None:
    """Let threads whose tasks were given up not keep the process; Python would wait for them."""

    def end() -> None:
        threading.main_thread().join()
        for thread in threading.enumerate():
            if not (thread.daemon or thread in abandoned or thread is threading.main_thread()):
                thread.join()
        if abandoned:
            atexit._run_exitfuncs()
            for stream in (sys.stdout, sys.stderr):
                stream.flush()
            os._exit(1 if hasattr(sys, "last_value") else 0)  # what ended the main thread, if it was an error

    threading.Thread(target=end, name="asfini ends", daemon=True).start()
