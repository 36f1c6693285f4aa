"""`imcap.serve.batches`: who is computed with whom, and who is not."""

import asyncio
import threading

import pytest

from imcap.serve import batches as serve_batches
from imcap.serve.batches import Batcher


class Slow:
    """Doubles numbers; the first batch waits until it is let go."""

    def __init__(self):
        self.batches = []
        self.begun = threading.Event()
        self.free = threading.Event()

    def __call__(self, setting, items):
        self.batches.append((setting, list(items)))
        self.begun.set()
        assert self.free.wait(60)
        return [2 * item for item in items]


def doubled(asked, max_batch=16, cancelled=()):
    """Asks 0 alone, then `asked`, (setting, item) pairs, while it is busy.

    Returns:
        The batches computed, and the answers or errors to `asked`.
    """
    slow = Slow()
    batcher = Batcher(slow, max_batch)

    async def together():
        loop = asyncio.get_running_loop()
        first = asyncio.create_task(batcher("first", 0))
        await loop.run_in_executor(None, slow.begun.wait, 60)
        others = [asyncio.create_task(batcher(*one)) for one in asked]
        await asyncio.sleep(0)  # lets each of them queue
        for place in cancelled:
            others[place].cancel()
        slow.free.set()
        assert await first == 0
        return await asyncio.gather(*others, return_exceptions=True)

    answers = asyncio.run(together())
    assert slow.batches[0] == ("first", [0])
    return slow.batches[1:], answers


def test_what_waits_goes_together():
    batches, answers = doubled([("a", 1), ("a", 2), ("a", 3)])
    assert batches == [("a", [1, 2, 3])]
    assert answers == [2, 4, 6]


def test_a_batch_has_a_largest_size():
    batches, answers = doubled([("a", n) for n in range(4)], max_batch=2)
    assert batches == [("a", [0, 1]), ("a", [2, 3])]
    assert answers == [0, 2, 4, 6]


def test_settings_stay_apart_and_the_oldest_goes_first():
    batches, answers = doubled([("b", 1), ("a", 2), ("b", 3), ("a", 4)])
    assert batches == [("b", [1, 3]), ("a", [2, 4])]
    assert answers == [2, 4, 6, 8]


def test_who_left_is_not_computed():
    batches, answers = doubled([("a", 1), ("a", 2)], cancelled=[0])
    assert batches == [("a", [2])]
    assert isinstance(answers[0], asyncio.CancelledError)
    assert answers[1] == 4


def test_an_error_reaches_all_of_a_batch_and_ends_nothing():
    def compute(setting, items):
        if setting == "bad":
            raise RuntimeError("out of order")
        return items

    batcher = Batcher(compute)

    async def together():
        found = await asyncio.gather(
            *(batcher("bad", n) for n in range(2)), return_exceptions=True
        )
        return found, await batcher("good", 7)

    errors, answer = asyncio.run(together())
    assert [str(error) for error in errors] == ["out of order"] * 2
    assert answer == 7


def test_it_outlives_an_event_loop():
    batcher = Batcher(lambda setting, items: items)
    for number in range(2):
        assert asyncio.run(batcher("a", number)) == number


@pytest.mark.parametrize("most", [1, 3])
def test_order_is_kept_within_a_setting(most):
    batches, _ = doubled([("a", n) for n in range(6)], max_batch=most)
    assert [n for _, items in batches for n in items] == list(range(6))


def batches_of_two(patience, monkeypatch, max_batch=16):
    """Asks 1 while 2 is on its way, which comes when 1 could be computed."""
    monkeypatch.setattr(serve_batches, "PATIENCE", patience)
    batches = []

    def compute(setting, items):
        batches.append(items)
        return items

    batcher = Batcher(compute, max_batch)

    async def together():
        with batcher.coming():
            first = asyncio.create_task(batcher("a", 1))
            for _ in range(5):  # turns in which it could begin
                await asyncio.sleep(0)
            if not patience or max_batch == 1:
                await first
        return await asyncio.gather(first, batcher("a", 2))

    assert asyncio.run(together()) == [1, 2]
    return batches


def test_what_is_on_its_way_is_waited_for(monkeypatch):
    assert batches_of_two(60, monkeypatch) == [[1, 2]]


def test_but_not_for_ever(monkeypatch):
    assert batches_of_two(0, monkeypatch) == [[1], [2]]


def test_and_not_by_a_full_batch(monkeypatch):
    assert batches_of_two(60, monkeypatch, max_batch=1) == [[1], [2]]


def test_what_never_comes_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(serve_batches, "PATIENCE", 60)
    batcher = Batcher(lambda setting, items: items)

    async def together():
        with pytest.raises(ValueError), batcher.coming():
            asked = asyncio.create_task(batcher("a", 1))
            await asyncio.sleep(0)
            raise ValueError("damaged")
        return await asked

    assert asyncio.run(together()) == 1


def test_those_answered_together_may_come_again_together(monkeypatch):
    monkeypatch.setattr(serve_batches, "PATIENCE", 60)
    batches = []

    def compute(setting, items):
        batches.append(items)
        return items

    batcher = Batcher(compute)

    async def together():
        with batcher.coming():
            first = asyncio.create_task(batcher("a", 1))
            for _ in range(5):
                await asyncio.sleep(0)
        await asyncio.gather(first, batcher("a", 2))
        early = asyncio.create_task(batcher("a", 3))
        for _ in range(5):  # turns in which it could begin
            await asyncio.sleep(0)
        return await asyncio.gather(early, batcher("a", 4))

    asyncio.run(together())
    assert batches == [[1, 2], [3, 4]]


def test_who_is_alone_never_waits(monkeypatch):
    monkeypatch.setattr(serve_batches, "PATIENCE", None)  # for ever
    batcher = Batcher(lambda setting, items: items)

    async def one_by_one():
        return [await batcher("a", number) for number in range(3)]

    assert asyncio.run(one_by_one()) == [0, 1, 2]
