"""`gcgen` in a process forked from the tests, which have imported already what takes seconds.

`test_interrupts.py`, `test_start.py` and `test_main.py` start it from nothing, as users do.
"""

import os
import signal
import sys
import tempfile
import threading
import traceback
import warnings

from agents.cli.main import main


class Forked:
    """A running command, with the part of the interface of `subprocess.Popen` that is needed."""

    def __init__(self, *words, prepare=lambda: None):
        """Start a command; `prepare` is called in its process before it."""
        reader, writer = os.pipe()
        self._errors = tempfile.TemporaryFile("w+")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # pytest-xdist has another thread
            self.pid = os.fork()
        if self.pid == 0:
            _become([str(word) for word in words], writer, self._errors.fileno(), prepare)
        os.close(writer)
        self.stdout = open(reader)
        self.returncode = None

    def poll(self):
        """Return the exit code; None while the process runs."""
        self._wait(os.WNOHANG)
        return self.returncode

    def send_signal(self, number):
        """Send a signal to the process, if it still runs."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def communicate(self, timeout):
        """Wait for the end; return what was printed on stdout and stderr, and not read before."""
        timer = threading.Timer(timeout, os.kill, (self.pid, signal.SIGKILL))
        timer.start()
        with self.stdout, self._errors:
            printed = self.stdout.read()
            self._wait()
            timer.cancel()
            self._errors.seek(0)
            return printed, self._errors.read()

    def _wait(self, options=0):
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, options)
            self.returncode = os.waitstatus_to_exitcode(status) if pid else None


def _become(words, out, errors, prepare):
    """Run a command in this process, as if Python had just started, and end the process."""
    code = 1
    try:
        os.dup2(out, 1)
        os.dup2(errors, 2)
        os.close(out)
        sys.stdout, sys.stderr = open(1, "w"), open(2, "w", buffering=1)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for number in (signal.SIGTERM, signal.SIGHUP):  # `nohup` may have run the tests
            signal.signal(number, signal.SIG_DFL)
        warnings.resetwarnings()  # pytest makes errors of them, or keeps them for its report
        warnings.showwarning = _show
        prepare()
        code = main(words)
        sys.stdout.flush()
    except BaseException:
        code = 1
        traceback.print_exc()
    finally:
        os._exit(code)


def _show(*args):
    print(warnings.formatwarning(*args[:4]), file=sys.stderr)
