"""Batches of windows side by side on the cores of a CPU, every sum in the order of the batches all the same.

Two batches on a core each are quicker than one on both: a block's many small operations leave a second thread waiting.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Condition
from typing import TypeVar

import torch

SIDE_BY_SIDE = 4
"""Batches at a time at most, for each holds its activations, and sums are added one after the other."""

LARGE = 2**21
"""Numbers in the widest tensor of a batch (8 MB in float32) above which batches go one by one, for each more holds as much."""

T = TypeVar("T")


class Turns:
    """Lets threads do what belongs to batches, numbered from 0, in the order of the numbers."""

    def __init__(self) -> None:
        self._condition, self._failed = Condition(), False
        self._next: dict[str, int] = defaultdict(int)

    @contextmanager
    def turn(self, what: str, number: int) -> Iterator[None]:
        """Wait until `what` has been done for all lower numbers; raises RuntimeError when one of them has failed."""
        with self._condition:
            self._condition.wait_for(lambda: self._failed or self._next[what] == number)
            if self._failed:
                raise RuntimeError("an earlier batch has failed")
        yield
        with self._condition:
            self._next[what] = number + 1
            self._condition.notify_all()

    def fail(self) -> None:
        """Wake those that wait for a turn that will not come."""
        with self._condition:
            self._failed = True
            self._condition.notify_all()


def at_a_time(device: torch.device, alone: bool = False) -> int:
    """How many batches `side_by_side` works on at a time, if there are as many."""
    return min(torch.get_num_threads(), SIDE_BY_SIDE) if device.type == "cpu" and not alone else 1


def side_by_side(
    work: Callable[[T], None],
    batches: Sequence[T],
    device: torch.device,
    turns: Turns | None = None,
    alone: bool = False,
) -> None:
    """Do the work for all batches: on a CPU in up to as many threads as torch may use, else, or `alone`, one by one.

    The first exception, in the order of the batches, is raised.
    """
    threads, workers = torch.get_num_threads(), min(at_a_time(device, alone), len(batches))
    if workers <= 1:
        for batch in batches:
            work(batch)
        return

    def guarded(batch: T) -> None:
        try:
            with torch.no_grad():
                work(batch)
        except BaseException:
            if turns:
                turns.fail()
            raise

    torch.set_num_threads(threads // workers)
    try:
        with ThreadPoolExecutor(workers) as pool:
            for outcome in [pool.submit(guarded, batch) for batch in batches]:
                outcome.result()
    finally:
        torch.set_num_threads(threads)
