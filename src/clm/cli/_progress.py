"""What is being done, on a terminal only, once it takes longer than a second."""

from __future__ import annotations

import sys
from threading import Event, Thread
from time import monotonic
from typing import TYPE_CHECKING, Final, Self, TextIO, final

if TYPE_CHECKING:
    from types import TracebackType

PATIENCE: Final = 1.0
TICK: Final = 0.5
_CLEAR: Final = "\r\x1b[K"


@final
class Progress:
    """One line on stderr that says which step runs and for how long; it is wiped at the end.

    Parameters
    ----------
    stream
        Where to; nothing is written where it is no terminal.
    patience, tick
        Seconds before the first word, and between two looks.

    Examples
    --------
    >>> from clm.cli._progress import Progress
    >>> with Progress() as progress:
    ...     progress.step("reading orders")
    """

    def __init__(self, stream: TextIO | None = None, *, patience: float = PATIENCE, tick: float = TICK) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._patience, self._tick = patience, tick
        self._step = "starting"
        self._done = Event()
        self._began = monotonic()
        self._thread = Thread(target=self._run, daemon=True) if self._stream.isatty() else None

    def step(self, what: str) -> None:
        """Say what is done next."""
        self._step = what

    def __enter__(self) -> Self:
        if self._thread is not None:
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._done.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        written = False
        while not self._done.wait(self._tick):
            elapsed = monotonic() - self._began
            if elapsed >= self._patience:
                self._stream.write(f"{_CLEAR}clm: {self._step} ({elapsed:.0f} s)")
                self._stream.flush()
                written = True
        if written:
            self._stream.write(_CLEAR)
            self._stream.flush()
