"""Requests of several people at once, computed together."""

import asyncio
import collections
import contextlib
from collections.abc import Callable, Hashable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

PATIENCE = 0.05  # seconds at most that a free model waits for company


RECENT = 0.5  # seconds in which those who were answered are expected again


class Asked(NamedTuple):
    """Queued request: an item and the future of its result."""

    setting: Hashable
    item: Any
    future: asyncio.Future


class Batcher:
    """Dynamic batching: runs a model on all waiting requests at once.

    What arrives while the model is busy goes together in its next batch. A
    free model begins at once, unless more is likely to come: what `coming`
    tells of, or as many as were answered just now. It waits `PATIENCE` for
    these, for eight at once take far less than one and then seven; who is
    alone never waits. One thread computes, so that the model needs no lock.
    Whoever has waited longest decides the setting of a batch.

    Args:
        compute: function of a setting and a list of items to a list of as
            many answers.
        max_batch: int, items at a time.

    Call arguments:
        setting: hashable; only what shares it is computed together.
        item: what to compute.

    Returns:
        The item's answer. A call that is cancelled while it waits is not
        computed.

    Example:
        >>> batcher = Batcher(lambda setting, items: model(items))
        >>> with batcher.coming():
        ...     pixels = await decoded(picture)
        >>> answer = await batcher("greedy", pixels)
    """

    def __init__(
        self,
        compute: Callable[[Any, list], Sequence],
        max_batch: int = 16,
    ):
        self.compute = compute
        self.max_batch = max_batch
        self.waiting: collections.deque[Asked] = collections.deque()
        self.thread = ThreadPoolExecutor(1, "model")
        self.work: asyncio.Task | None = None
        self.on_their_way = 0
        self.answered = 0  # how many at the last time
        self.answered_at = 0.0  # when that was, in the loop's seconds
        # An event while company is waited for.
        self.complete: asyncio.Event | None = None

    @contextlib.contextmanager
    def coming(self) -> Iterator[None]:
        """While an item is made that will be asked for as soon as it is."""
        self.on_their_way += 1
        try:
            yield
        finally:
            self.on_their_way -= 1
            self._announce()

    async def __call__(self, setting: Hashable, item: Any) -> Any:
        future = asyncio.get_running_loop().create_future()
        self.waiting.append(Asked(setting, item, future))
        self._announce()
        if self.work is None or self.work.done():
            self.work = asyncio.create_task(self._work())
        return await future

    def _is_complete(self):
        if len(self.waiting) >= self.max_batch:
            return True
        now = asyncio.get_running_loop().time()
        expected = self.answered if now - self.answered_at < RECENT else 0
        return not self.on_their_way and len(self.waiting) >= expected

    def _announce(self):
        if self.complete and self._is_complete():
            self.complete.set()

    async def _company(self):
        """Waits a moment for what is likely to come."""
        if self._is_complete():
            return
        self.complete = asyncio.Event()
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self.complete.wait(), PATIENCE)
            # A turn in which the last of them asks.
            await asyncio.sleep(0)
        self.complete = None

    async def _work(self):
        """Computes until nothing waits."""
        loop = asyncio.get_running_loop()
        while self.waiting:
            await self._company()
            batch = self._next_batch()
            if not batch:
                return
            self.answered = len(batch)
            items = [asked.item for asked in batch]
            try:
                answers = await loop.run_in_executor(
                    self.thread, self.compute, batch[0].setting, items
                )
            except Exception as error:
                for asked in batch:
                    if not asked.future.done():
                        asked.future.set_exception(error)
                continue
            self.answered_at = loop.time()
            for asked, answer in zip(batch, answers, strict=True):
                if not asked.future.done():
                    asked.future.set_result(answer)

    def _next_batch(self):
        """Takes out the oldest and those of its setting: list of `Asked`."""
        alive = [asked for asked in self.waiting if not asked.future.done()]
        setting = alive[0].setting if alive else None
        batch = [asked for asked in alive if asked.setting == setting]
        batch = batch[: self.max_batch]
        taken = {id(asked) for asked in batch}
        self.waiting = collections.deque(
            asked for asked in alive if id(asked) not in taken
        )
        return batch
