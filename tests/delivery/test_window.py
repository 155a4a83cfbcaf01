"""Room for requests: how many at once, and who is next."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zpns.delivery._window import Window


async def spin() -> None:
    """Let others run."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_there_is_room_for_so_many_and_no_more() -> None:
    """Whoever finds room does not wait; the next does."""
    window = Window(2)
    assert [False, False] == [await window.acquire(1), await window.acquire(1)]
    third = asyncio.create_task(window.acquire(1))
    await spin()
    assert not third.done()
    window.release()
    assert await third


@given(st.lists(st.integers(0, 2), min_size=1, max_size=12))
def test_the_more_urgent_go_first_and_equals_in_their_order(priorities: list[int]) -> None:
    """Calls overtake messages, messages overtake marketing; nobody overtakes its equals."""

    async def work() -> list[int]:
        window, order = Window(1), []
        await window.acquire(0)

        async def enter(number: int, priority: int) -> None:
            await window.acquire(priority)
            order.append(number)
            window.release()

        tasks = [asyncio.create_task(enter(*one)) for one in enumerate(priorities)]
        await spin()
        window.release()
        await asyncio.gather(*tasks)
        return order

    expected = sorted(range(len(priorities)), key=lambda number: priorities[number])
    assert expected == asyncio.run(work())


@pytest.mark.parametrize("handed_over", [True, False], ids=["after-release", "before-release"])
async def test_room_is_not_lost_with_who_was_cancelled(handed_over: bool) -> None:
    """Neither before it was handed over nor at that very moment."""
    window = Window(1)
    await window.acquire(1)
    first = asyncio.create_task(window.acquire(1))
    second = asyncio.create_task(window.acquire(2))
    await spin()
    if handed_over:
        window.release()
        first.cancel()
    else:
        first.cancel()
        await spin()
        window.release()
    assert await asyncio.wait_for(second, 5)
    assert first.cancelled()
    window.release()
    assert not await window.acquire(1)
