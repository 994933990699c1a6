"""When a process is asked to end: one event that its loops wait on.

Invariant: SIGTERM and SIGINT set the event and do nothing else; a second one ends at once.
It does not own what is done on the way out: whoever built an object closes it.
"""

import asyncio
import os
import signal

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
EXIT_BY_SIGNAL = 128


def install_stop(loop: asyncio.AbstractEventLoop | None = None) -> asyncio.Event:
    """Install the handlers of ``STOP_SIGNALS``; call it in the main thread, with a loop running.

    Args:
        loop: The process's loop; None is the running one.

    Returns:
        The event that is set when the process should stop.
    """
    loop = loop or asyncio.get_running_loop()
    stop = asyncio.Event()

    def asked(number: signal.Signals) -> None:
        if stop.is_set():
            # Asked twice: somebody is waiting, and every part recovers from a kill.
            os._exit(EXIT_BY_SIGNAL + number)
        stop.set()

    for number in STOP_SIGNALS:
        loop.add_signal_handler(number, asked, number)
    return stop
