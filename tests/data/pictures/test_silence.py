"""Warnings of the process are as before, whatever threads do."""

import threading
import warnings

from imcap.data.pictures.silence import Silence


def test_threads_that_leave_in_any_order():
    silence, turn = Silence(), [threading.Event() for _ in range(3)]

    def first():
        with silence:
            turn[0].set()
            assert turn[1].wait(10)
        turn[2].set()

    def second():
        assert turn[0].wait(10)
        with silence:
            turn[1].set()
            assert turn[2].wait(10)
            warnings.warn("unheard")  # the first has left

    before = list(warnings.filters)
    threads = [threading.Thread(target=one) for one in (first, second)]
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        warnings.warn("heard")
    assert [str(one.message) for one in heard] == ["heard"]
    assert list(warnings.filters) == before
