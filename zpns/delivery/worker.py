"""
Workers: lease due jobs, run them, keep the leases, and give them back.

Several workers, in one process or many, share a store without doing anything twice: a
job belongs to whoever holds its lease, and a worker that was silent for too long finds
its writes refused.
"""

from __future__ import annotations

import asyncio
import logging
import random
import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Row

from zpns.delivery import _commands as commands
from zpns.delivery._job import LEASE, PAGE, JobRun, Surroundings
from zpns.delivery._window import Window
from zpns.errors import StateError, StoreError, ZPNsError
from zpns.exchange import Clock
from zpns.models.notification import Resource
from zpns.sender import Lane
from zpns.store import Listener, Store, Wakeup, jobs

__all__ = ["Worker"]

EXTEND: Final = 10.0  # seconds between two extensions of what is under way
AT_ONCE: Final = 256  # jobs under way
WINDOW: Final = 100  # requests under way per vendor app
FAILED: Final = 5.0  # seconds until a job is tried again that failed by our own fault
FAILED_MOST: Final = 900.0  # seconds, growing with the job's age to this
BACKOFF: Final = 1.0  # seconds before looking for jobs again after the store failed

logger = logging.getLogger("zpns.delivery")


class Worker:
    """
    Delivers what the hub accepted.

    Args:
        store: Where jobs are.

        wakeup: Tells of new jobs.

        lanes: By (channel, app), in order of preference; not closed here.

        resource: Finds a resource by name.

        clock: Where time comes from.

        rng: Where chance comes from.

        on_done: Called with the ref of each job that ended.
    """

    def __init__(
        self,
        store: Store,
        wakeup: Wakeup,
        *,
        lanes: Mapping[tuple[str, str], Lane],
        resource: Callable[[str], Resource | None],
        clock: Clock,
        rng: random.Random,
        on_done: Callable[[str], None] = lambda ref: None,
    ) -> None:
        self._store = store
        self._wakeup = wakeup
        self._news: Listener = wakeup.listen("jobs")
        self._clock = clock
        self._random = rng
        self._on_done = on_done
        self._around = Surroundings(
            store=store,
            lanes=lanes,
            windows={key: Window(WINDOW) for key in lanes},
            resource=resource,
            clock=clock,
            owner=secrets.token_hex(8),
        )
        self._running: dict[str, asyncio.Task[None]] = {}
        self._unbegun: set[str] = set()  # leased, and no task has them yet
        self._free = asyncio.Event()
        self._claiming: asyncio.Task[None] | None = None
        self._extending: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to look for jobs."""
        loop = asyncio.get_running_loop()
        self._claiming = loop.create_task(self._forever(self._claim))
        self._extending = loop.create_task(self._forever(self._extend))

    async def aclose(self, drain: float) -> None:
        """
        Lease no more, wait up to *drain* seconds for what is under way, release the rest.

        What is cut off is delivered by whoever leases it next; its page goes out again.
        """
        try:
            await _stop(self._claiming)
            await self._drained(drain)
        finally:  # whoever closes in a hurry may have been cancelled
            await self._cut()

    async def _drained(self, seconds: float) -> None:
        if seconds <= 0 or not self._running:
            return
        until = self._clock.monotonic() + seconds
        timer = asyncio.get_running_loop().create_task(self._clock.sleep_until(until))
        try:
            while self._running and not timer.done():
                waits = (timer, *self._running.values())
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await _stop(timer)

    async def _cut(self) -> None:
        self._news.close()
        left = (*self._running, *self._unbegun)
        await _stop(self._claiming, *self._running.values(), self._extending)
        if not left:
            return
        try:
            await self._store.write(commands.release, (self._around.owner, left, self._now()))
        except StoreError as error:
            logger.warning("leases are not given back, and run out by themselves: %s", error)
        self._wakeup.notify(("jobs",))

    async def _forever(self, step: Callable[[], Any]) -> None:
        """Repeat *step*; what fails is logged and tried again a little later."""
        while True:
            try:
                await step()
            except StateError:
                raise
            except Exception:
                logger.exception("delivery failed; trying again")
                wait = BACKOFF * (1 + self._random.random())
                await self._clock.sleep_until(self._clock.monotonic() + wait)

    def _now(self) -> int:
        return round(self._clock.time() * 1000)

    async def _claim(self) -> None:
        """Lease what is due and there is room for; wait if that is nothing."""
        room = AT_ONCE - len(self._running)
        if room <= 0:
            self._free.clear()
            await self._free.wait()
            return
        claimed = await self._lease(room)
        if not claimed:
            due = await self._store.read(jobs.next_due)
            until = None
            if due is not None:
                until = self._clock.monotonic() + max(0, due - self._now()) / 1000
            await self._news.wait(until)
            return
        try:
            pages = await self._store.read(commands.first_pages, claimed, self._now(), PAGE)
        except StoreError:
            pages = {}  # each of them reads its own, or fails by itself
        self._begin(claimed, pages)

    async def _lease(self, room: int) -> Sequence[Row[Any]]:
        now = self._now()
        wish = commands.Claim(self._around.owner, now, now + LEASE, room)
        leasing = asyncio.ensure_future(self._store.write(commands.claim, wish))
        try:
            claimed = await asyncio.shield(leasing)
        except asyncio.CancelledError:
            # It is done all the same, and what it leased has to be given back.
            await asyncio.wait((leasing,))
            if not leasing.cancelled() and leasing.exception() is None:
                self._unbegun.update(job.job_id for job in leasing.result())
            raise
        # A lease of our own that ran out is still being worked on, and now is good again.
        fresh = [job for job in claimed if job.job_id not in self._running]
        self._unbegun.update(job.job_id for job in fresh)
        return fresh

    def _begin(self, claimed: Sequence[Row[Any]], pages: Mapping[str, commands.Page]) -> None:
        loop = asyncio.get_running_loop()
        for job in claimed:
            task = loop.create_task(self._run(job, pages.get(job.job_id)))
            self._running[job.job_id] = task
            self._unbegun.discard(job.job_id)

    async def _run(self, job: Row[Any], page: commands.Page | None) -> None:
        run: JobRun | None = None
        over = False
        try:
            run = JobRun(self._around, job)
            await run.run(page)
            over = run.due is None
        except commands.LeaseLost as error:
            logger.warning("%s", error)
        except Exception as error:
            await self._failed(job, run, error)
        finally:
            self._running.pop(job.job_id, None)
            self._free.set()
            self._on_done(job.ref)
            if not over:  # it is due at another time than who waits for jobs knows of
                self._wakeup.notify(("jobs",))

    async def _failed(self, job: Row[Any], run: JobRun | None, error: Exception) -> None:
        """Put a job back for later; it is not lost, and does not hold up the others."""
        now = self._now()
        over = now >= job.deadline_at
        # The longer it has been failing, the longer it waits.
        wait = min(max(FAILED, (now - job.created_at) / 4000), FAILED_MOST)
        logger.error(
            "push job failed; %s",
            "it is given up, being past its deadline" if over else f"tried again in {wait:g} s",
            exc_info=error,
            extra={"job_id": job.job_id},
        )
        progress = commands.Progress(
            owner=self._around.owner,
            job_id=job.job_id,
            now=now,
            attempts=[],
            followed=[],
            place=run.place if run is not None else job.page_cursor,
            paged=run.paged if run is not None else bool(job.paged),
            state=jobs.DONE if over else jobs.OPEN,
            reason="internal_error" if over else "",
            # Looked at once more when its time is over, so that it ends.
            due_at=now if over else min(now + round(wait * 1000), job.deadline_at),
            stored=job.stored,
            release=True,
        )
        try:
            await self._store.write(commands.save, progress)
        except ZPNsError as again:
            # The lease runs out by itself.
            logger.warning("push job not released: %s", again, extra={"job_id": job.job_id})

    async def _extend(self) -> None:
        await self._clock.sleep_until(self._clock.monotonic() + EXTEND)
        if self._running:
            until = self._now() + LEASE
            item = commands.Extension(self._around.owner, tuple(self._running), until)
            await self._store.write(commands.extend, item)


async def _stop(*tasks: asyncio.Task[None] | None) -> None:
    """Cancel tasks and wait until they are over, however they end."""
    running = [task for task in tasks if task is not None]
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
