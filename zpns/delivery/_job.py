"""One push job, from its lease to its outcomes or to the next time it is due."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import orjson
from sqlalchemy import Row

from zpns.delivery import _commands as commands
from zpns.delivery._plan import Address, Spec, address, read_spec
from zpns.delivery._window import Window
from zpns.errors import ParameterError, StoreError
from zpns.exchange import Clock
from zpns.models.delivery import At, Outcome, Target, Verdict
from zpns.models.notification import PushEvent, PushKind, Resource
from zpns.sender import Lane, Load
from zpns.sender._retry import expired, retry_at
from zpns.sender._verdicts import BROKEN, refused
from zpns.store import Store, calls, jobs
from zpns.store.devices import Device
from zpns.transports.base import Prepared, Route, Skip

__all__ = ["LEASE", "PAGE", "JobRun", "Surroundings"]

PAGE: Final = 500  # devices, or waiting retries, read and written at once
LEASE: Final = 30_000  # milliseconds a job is held without a sign of life
AGAIN: Final = 1.0  # seconds until results are written again that the store did not take
HOLD: Final = 20.0  # seconds for which that is tried: the lease is good for longer


class Surroundings(NamedTuple):
    """
    What every job of a worker is run with.

    Attributes:
        store: Where jobs are.

        lanes: By (channel, app), in order of preference.

        windows: Requests under way at once, by the same key.

        resource: Finds a resource by its name; None for an empty or unknown one.

        clock: Where time comes from.

        owner: Who leases.
    """

    store: Store
    lanes: Mapping[tuple[str, str], Lane]
    windows: Mapping[tuple[str, str], Window]
    resource: Callable[[str], Resource | None]
    clock: Clock
    owner: str


class _Try(NamedTuple):
    """A device to send to, and how often that was done before."""

    device: Device
    address: Address
    before: int


class JobRun:
    """
    Runs a job that is leased.

    Args:
        around: Store, lanes and clock.

        job: A row of the table of jobs.

    Attributes:
        place: Where the next page begins, as it is written.

        paged: Whether the audience was gone through, likewise.

        due: When the earliest retry that waits is due, UTC milliseconds, or None.
    """

    def __init__(self, around: Surroundings, job: Row[Any]) -> None:
        self._around = around
        self._job = job
        self._clock = around.clock
        self._spec: Spec = read_spec(job.push)
        self._event = PushEvent(job.event)
        self._resource = around.resource(self._spec.config.resources_id)
        self._kind = self._resource.kind if self._resource is not None else PushKind.ALERT
        if self._kind is PushKind.VOIP and self._event is not PushEvent.CALL_INVITED:
            self._kind = PushKind.DATA  # a VoIP push starts calls, and nothing else
        self._event_seqs: dict[str, int] = dict(orjson.loads(job.audience))
        self._loads: dict[tuple[int, Route, str], Load] = {}
        self.place: str | None = job.page_cursor
        self.paged = bool(job.paged)
        self.due: int | None = None

    async def run(self, page: commands.Page | None) -> None:
        """
        Send to what is left of the audience, else what is due of the retries.

        Args:
            page: The page that was read with the lease, if the audience is not through.

        Raises:
            StoreError: The store failed, or the lease was lost.
        """
        if self._job.paged:
            await self._run_retries()
            return
        store, job = self._around.store, self._job
        if job.page_cursor is not None:  # somebody began: their retries are waiting
            _, _, self.due = await store.read(commands.waiting, job, -1, PAGE)
        if page is None:  # it could not be read with the others
            page = await store.read(commands.next_page, job, self.place, self._now(), PAGE)
        while True:
            rows = await self._send([(device, 0) for device in page.devices])
            rows += [self._skipped(device, 0, Skip(why)) for device, why in page.skipped]
            await self._save(rows, [], page.place)
            if page.place is None:
                return
            page = await store.read(commands.next_page, job, page.place, self._now(), PAGE)

    async def _run_retries(self) -> None:
        waiting, unwanted, self.due = await self._around.store.read(
            commands.waiting, self._job, self._now(), PAGE
        )
        rows = [
            self._skipped(device or _gone(row), row.attempt, _ENDED) for row, device in unwanted
        ]
        rows += [
            self._skipped(_gone(row), row.attempt, _UNREGISTERED)
            for row, device in waiting
            if device is None
        ]
        rows += await self._send(
            [(device, row.attempt) for row, device in waiting if device is not None]
        )
        followed = [(row.job_id, row.seq, row.attempt) for row, _ in [*waiting, *unwanted]]
        await self._save(rows, followed, None)

    def _now(self) -> int:
        return round(self._clock.time() * 1000)

    # Sending.

    async def _send(self, wanted: Sequence[tuple[Device, int]]) -> list[dict[str, Any]]:
        """Send to devices; return a row for each."""
        rows: list[dict[str, Any]] = []
        groups: dict[Load, list[_Try]] = {}
        for device, before in wanted:
            found = address(device, self._kind, self._around.lanes)
            load = found if isinstance(found, Verdict) else self._load(found, device.user_id)
            if isinstance(load, Verdict):
                rows.append(self._unsent(device, before, load))
            else:
                assert isinstance(found, Address)
                groups.setdefault(load, []).append(_Try(device, found, before))
        now = self._clock.time()
        slices = [
            (load, tries[start : start + most])
            for load, tries in groups.items()
            for most in (load.most(now),)
            for start in range(0, len(tries), most)
        ]
        for made in await asyncio.gather(*(self._attempt(*one) for one in slices)):
            rows += made
        return rows

    def _load(self, found: Address, user_id: str) -> Load | Verdict:
        """Return the notification on its way along a route, the same for all who share it."""
        # The body of a call's push depends on who gets it.
        owner = user_id if self._event.is_call else ""
        key = (id(found.lane), found.route, owner)
        load = self._loads.get(key)
        if load is None:
            try:
                notification = self._spec.notification(
                    job_id=self._job.job_id,
                    event=self._job.event,
                    ref=self._job.ref,
                    deadline=self._job.deadline_at,
                    resource=self._resource,
                    user_id=owner,
                    event_seq=self._event_seqs.get(owner, 0),
                )
            except ParameterError as error:  # it will not be another one the next time
                return refused(error)
            load = self._loads[key] = Load(found.lane.transport, notification, found.route)
        return load

    async def _attempt(self, load: Load, tries: Sequence[_Try]) -> list[dict[str, Any]]:
        """Make one request and return a row for each of its targets."""
        lane = tries[0].address.lane
        window = self._around.windows[lane.transport.channel, lane.transport.app]
        rows: list[dict[str, Any]] = []
        waited = await window.acquire(self._job.priority)
        try:
            if waited and self._event is PushEvent.CALL_INVITED:
                rows, tries = await self._who_rings(tries)
            if tries:
                rows += await self._request(lane, load, tries)
        except StoreError as error:  # whether it still rings is not known
            started = self._now()
            later = At(self._clock.time() + AGAIN)
            verdict = Verdict(
                outcome=Outcome.RETRY, code="store_failed", advice=str(error), retry=later
            )
            rows += [self._row(one, verdict, None, started) for one in tries]
        except Exception as error:  # one that fails must not stop the others
            lane.failed("an attempt", error)
            rows += [self._unsent(one.device, one.before, BROKEN) for one in tries]
        finally:
            window.release()
        return rows

    async def _who_rings(
        self, tries: Sequence[_Try]
    ) -> tuple[list[dict[str, Any]], Sequence[_Try]]:
        """Sort out those for whom the call ended while they waited; return rows for these."""
        rings = await self._around.store.read(calls.ringing, int(self._job.ref), self._now())
        rows = [
            self._skipped(one.device, one.before, _ENDED)
            for one in tries
            if one.device.user_id not in rings
        ]
        return rows, [one for one in tries if one.device.user_id in rings]

    async def _request(self, lane: Lane, load: Load, tries: Sequence[_Try]) -> list[dict[str, Any]]:
        targets = [Target(one.address.token.token, one.device.id) for one in tries]
        started = self._now()
        left = (self._job.deadline_at - started) / 1000
        now = self._clock.monotonic()
        # No patience: whoever has to wait waits as a row and holds no slot.
        attempt = await lane.attempt(load, targets, deadline=now + left, patience=now)
        prepared = load.prepared(self._clock.time())
        return [
            self._row(one, verdict, prepared if sent else None, started)
            for one, verdict, sent in zip(tries, attempt.verdicts, attempt.sent, strict=True)
        ]

    # Rows.

    def _row(
        self, one: _Try, verdict: Verdict, prepared: Prepared | Verdict | None, started: int
    ) -> dict[str, Any]:
        """Return the row of an attempt; *prepared* is what left, None if nothing did."""
        number = one.before + 1
        retry: int | None = None
        if verdict.outcome is Outcome.RETRY:
            lane = one.address.lane
            when = retry_at(verdict, number, lane.transport.backoff, self._clock.time(), lane.rng)
            retry = round(when * 1000)
            if retry >= self._job.deadline_at:
                verdict, retry = expired(verdict), None
            else:
                self.due = retry if self.due is None else min(self.due, retry)
        left = isinstance(prepared, Prepared)
        skipped = verdict.outcome is Outcome.SKIPPED and not left and not one.before
        return {
            **self._place(one.device, 0 if skipped else number),
            "channel": one.address.token.channel,
            "app": one.address.token.app,
            "token_kind": one.address.token.kind,
            # Empty where nothing left: the ledger counts what was sent by it.
            "form": prepared.form if isinstance(prepared, Prepared) else "",
            "endpoint": prepared.endpoint if isinstance(prepared, Prepared) else "",
            **_said(verdict),
            "started_at": started,
            "ended_at": self._now(),
            "retry_at": retry,
        }

    def _skipped(self, device: Device, before: int, skip: Skip) -> dict[str, Any]:
        verdict = Verdict(outcome=Outcome.SKIPPED, code=skip.why, advice=skip.advice)
        return self._unsent(device, before, verdict)

    def _unsent(self, device: Device, before: int, verdict: Verdict) -> dict[str, Any]:
        """Return the row of a device that nothing is sent to."""
        now = self._now()
        return {
            **self._place(device, before + 1 if before else 0),
            "channel": "",
            "app": "",
            "token_kind": "",
            "form": "",
            "endpoint": "",
            **_said(verdict),
            "started_at": now,
            "ended_at": now,
            "retry_at": None,
        }

    def _place(self, device: Device, attempt: int) -> dict[str, Any]:
        return {
            "job_id": self._job.job_id,
            "seq": device.id,
            "attempt": attempt,
            "user_id": device.user_id,
            "push_id": device.push_id,
        }

    async def _save(
        self,
        rows: Sequence[Mapping[str, Any]],
        followed: Sequence[tuple[str, int, int]],
        place: str | None,
    ) -> None:
        """Write what was done; the job ends, waits for a retry, or goes on with its pages."""
        paged = place is None
        over = paged and self.due is None
        now = self._now()
        due = now + LEASE if not paged else now if self.due is None else self.due
        progress = commands.Progress(
            owner=self._around.owner,
            job_id=self._job.job_id,
            now=now,
            attempts=rows,
            followed=followed,
            place=place,
            paged=paged,
            state=jobs.DONE if over else jobs.OPEN,
            reason="",
            due_at=due,
            stored=None,
            release=paged,
        )
        await self._write(progress)
        self.place, self.paged = place, paged

    async def _write(self, progress: commands.Progress) -> None:
        """Write, again and again if need be: what was sent must not be sent once more."""
        until = self._clock.monotonic() + HOLD
        while True:
            try:
                await self._around.store.write(commands.save, progress)
            except commands.LeaseLost:
                raise
            except StoreError:
                if self._clock.monotonic() >= until:
                    raise
                await self._clock.sleep_until(self._clock.monotonic() + AGAIN)
            else:
                return


_ENDED: Final = Skip("call_ended", "the call was over before the push could be sent")
_UNREGISTERED: Final = Skip("no_device", "it was unregistered before the push was tried again")


def _said(verdict: Verdict) -> dict[str, Any]:
    return {
        "outcome": verdict.outcome.value,
        "status": verdict.status,
        "code": verdict.code,
        "vendor_id": verdict.message_id,
        "advice": verdict.advice,
    }


def _gone(row: Row[Any]) -> Device:
    """Return the device of an attempt, of which only the row is left."""
    return Device(row.seq, row.push_id, row.user_id, None, False, [])
