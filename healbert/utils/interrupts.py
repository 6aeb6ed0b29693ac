"""Ctrl-C: the first one interrupts, and what is put away after it is not broken into."""

import contextlib
import os
import signal
import sys
import threading
import time

PATIENCE = 10.0  # seconds after which another Ctrl-C ends a process that hangs in its end


class _CtrlC:
    """A handler of signals. Interrupts once, wherever the main thread is; later ones wait for the end."""

    def __init__(self):
        self.since, self._held, self._waiting = None, 0, False

    @contextlib.contextmanager
    def held_back(self):
        """What must not be broken into half done: a signal that comes meanwhile interrupts at the end of it."""
        self._held += 1
        try:
            yield
        finally:
            self._held -= 1
            if self._waiting and not self._held:
                self._waiting = False
                self()

    def __call__(self, *_):
        if self._held:
            self._waiting = True
            return
        if self.since is None:
            self.since = time.monotonic()
            raise KeyboardInterrupt
        if time.monotonic() - self.since > PATIENCE:
            os._exit(130)

    def again(self):
        """Interrupts once more, soon: the first was swallowed where Python cannot raise."""
        self.since = None
        again = threading.Timer(0.1, os.kill, [os.getpid(), signal.SIGINT])
        again.daemon = True
        again.start()


CTRL_C = _CtrlC()


def ignore_interrupts():
    """For the very end, when Python takes its handlers away: nothing breaks into it, and it does not last for ever."""
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
    last = threading.Timer(3 * PATIENCE, os._exit, [130])
    last.daemon = True
    last.start()


def was_interrupted():
    """Whether this process got a Ctrl-C, whatever a library that was importing made of it."""
    return CTRL_C.since is not None


def interrupt_once(*signals):
    """Has these signals (default: SIGINT) interrupt this process once, without a traceback in the middle of its end.

    SIGINT is left alone where it is ignored, as in a shell's background job. Does nothing outside the main thread.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    for number in signals or (signal.SIGINT,):
        if number != signal.SIGINT or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, CTRL_C)
    sys.unraisablehook = _not_raised


_plain_hook = sys.unraisablehook


def _not_raised(what):
    if issubclass(what.exc_type, KeyboardInterrupt):
        CTRL_C.again()
    else:
        _plain_hook(what)
