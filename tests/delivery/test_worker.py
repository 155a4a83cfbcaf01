"""What a worker does with a job: attempts, outcomes and their rows."""

from __future__ import annotations

import json
from collections import deque
from typing import Any

import pytest

from zpns import DeviceToken, ZIMVoIPConfig
from zpns.errors import CarrierError
from zpns.exchange import Response
from zpns.simulators import _fcm_errors as fcm_errors


async def test_a_message_is_pushed_once_and_the_ledger_has_it(office: Any) -> None:
    """One job, one attempt row, one outcome."""
    process = await office.process()
    token = await process.device("bob")
    ref = await process.send()
    await process.ends(ref)
    (push,) = office.vendors.pushes
    assert token == push.token
    shown = push.body["android"]["notification"]
    assert ("ann", "hello") == (shown["title"], shown["body"])
    (row,) = await process.rows("attempts")
    (device,) = await process.rows("devices")
    now = round(office.clock.time() * 1000)
    assert {
        "job_id": f"m{ref}",
        "seq": device["id"],
        "attempt": 1,
        "user_id": "bob",
        "push_id": device["push_id"],
        "channel": "fcm",
        "app": "default",
        "token_kind": "alert",
        "form": "fcm_notification",
        "outcome": "sent",
        "status": 200,
        "code": "",
        "advice": "",
        "started_at": now,
        "ended_at": now,
        "retry_at": None,
    } == {key: value for key, value in row.items() if key not in ("endpoint", "vendor_id")}
    assert row["endpoint"].endswith("messages:send")
    (record,) = await process.records(ref)
    assert (1, row["vendor_id"], "fcm_notification") == (
        record.attempts,
        record.message_id,
        record.form,
    )
    assert record.message_id.startswith("projects/")
    job = await process.job(ref)
    assert (1, "", None, 1) == (job["state"], job["reason"], job["lease_owner"], job["paged"])


async def test_everybody_who_waits_learns_that_a_job_ended(office: Any) -> None:
    """After its rows were written."""
    process = await office.process()
    await process.device("bob")
    ref = await process.send()
    await office.eventually(lambda: ref in process.done)
    assert await process.over(ref)


@pytest.mark.parametrize(
    ("resource", "form"),
    [
        pytest.param("", "fcm_notification", id="none"),
        pytest.param("alert", "fcm_notification", id="alert"),
        pytest.param("data", "fcm_data", id="data"),
        pytest.param("voip", "fcm_data", id="voip"),
    ],
)
async def test_the_resource_chooses_the_form_of_a_call(
    office: Any, resource: str, form: str
) -> None:
    """FCM has no VoIP push: a call rings by a data message, which the app shows."""
    process = await office.process()
    await process.device("bob")
    ref = await process.call("bob", resources_id=resource)
    await process.ends(ref)
    (record,) = await process.records(ref)
    assert ("sent", form) == (record.outcome.value, record.form)
    (push,) = office.vendors.pushes
    assert ref == json.loads(push.body["data"]["zego"])["call_id"]


async def test_a_call_tells_each_invitee_their_own_event(office: Any) -> None:
    """Bodies of calls depend on who gets them; the vendor ID does too."""
    process = await office.process()
    tokens = [await process.device(user) for user in ("bob", "cat")]
    ref = await process.call("bob", "cat", resources_id="data")
    await process.ends(ref)
    assert sorted(tokens) == sorted(push.token for push in office.vendors.pushes)
    told = [json.loads(push.body["data"]["zpns"]) for push in office.vendors.pushes]
    assert [("call_invited", 1, "ann")] * 2 == [
        (one["event"], one["event_seq"], one["caller"]) for one in told
    ]
    assert 2 == len({push.id for push in office.vendors.pushes})


@pytest.mark.parametrize(
    ("answer", "outcome", "code"),
    [
        pytest.param(fcm_errors.DEAD_TOKEN, "token_dead", "UNREGISTERED", id="dead"),
        pytest.param(fcm_errors.OTHER_SENDER, "token_suspect", "SENDER_ID_MISMATCH", id="suspect"),
        pytest.param(
            fcm_errors.permission_denied("p"), "refused", "IAM_PERMISSION_DENIED", id="refused"
        ),
    ],
)
async def test_what_the_vendor_said_is_recorded(
    office: Any, answer: Response, outcome: str, code: str
) -> None:
    """With advice, for this token and no other."""
    process = await office.process()
    bad, good = await process.device("bob"), await process.device("bob")
    office.vendors.fates[bad] = deque([answer])
    ref = await process.send()
    await process.ends(ref)
    first, second = await process.records(ref)
    assert (outcome, code, 1) == (first.outcome.value, first.code, first.attempts)
    assert first.advice
    assert "sent" == second.outcome.value
    assert [bad, good] == [push.token for push in office.vendors.pushes]


async def test_a_push_without_an_answer_is_unknown_and_not_repeated(office: Any) -> None:
    """The device may have got it."""
    process = await office.process()
    token = await process.device("bob")
    office.vendors.fates[token] = deque([CarrierError])
    ref = await process.send()
    await process.ends(ref)
    assert [("unknown", "connection_lost")] == await process.outcomes(ref)
    await office.after(3600)
    assert 1 == len(office.vendors.pushes)


async def test_a_push_that_hangs_is_unknown_after_ten_seconds(office: Any) -> None:
    """A try has a time of its own."""
    process = await office.process()
    await process.device("bob")
    process.carrier.hold()
    ref = await process.send()
    await process.carrier.received(1)  # the token of the service account
    process.carrier.release()
    process.carrier.hold()
    await process.carrier.received(2)
    await office.after(9.9)
    assert not await process.over(ref)
    await office.after(0.2)
    await process.ends(ref)
    assert [("unknown", "timeout")] == await process.outcomes(ref)


async def test_users_without_a_device_are_named(office: Any) -> None:
    """The job ends, and the ledger says why."""
    process = await office.process()
    await process.hub.register("bob", [_token("x")])
    await process.hub.unregister("bob")
    ref = await process.send()
    await process.ends(ref)
    (record,) = await process.records(ref)
    assert ("bob", "skipped", "no_device", 0) == (
        record.user_id,
        record.outcome.value,
        record.code,
        record.attempts,
    )
    assert [] == process.carrier.requests


async def test_a_device_that_no_transport_reaches_is_named(office: Any) -> None:
    """Channel and app have to be this client's."""
    process = await office.process()
    await process.device("bob", "x", channel="apns")
    await process.device("bob", "x", app="tv")
    ref = await process.send()
    await process.ends(ref)
    assert [("skipped", "no_transport")] * 2 == await process.outcomes(ref)
    assert all(record.advice for record in await process.records(ref))


async def test_a_token_that_its_transport_does_not_take_is_skipped_with_its_reason(
    office: Any, toy: Any
) -> None:
    """The transport's own word is the code."""
    process = await office.process(toy())
    await process.device("bob", "no token!", channel="toy")
    ref = await process.send()
    await process.ends(ref)
    assert [("skipped", "malformed_token")] == await process.outcomes(ref)


# Which token of a device.


async def test_a_device_gets_one_push_by_the_first_of_the_clients_channels(
    office: Any, toy: Any
) -> None:
    """Tokens of several channels are one device; the order of the transports decides."""
    process = await office.process(toy(), office.fcm())
    await process.device("bob", "t1", channel="toy", device_id="phone")
    await process.device("bob", device_id="phone")
    other = await process.device("bob", device_id="tablet")
    ref = await process.send()
    await process.ends(ref)
    assert ["t1", other] == sorted((push.token for push in office.vendors.pushes), key=len)
    assert {"toy", "fcm"} == {record.channel for record in await process.records(ref)}


async def test_the_latest_token_of_a_channel_is_the_one_the_app_has_now(
    office: Any, toy: Any
) -> None:
    """An app that got a new token registers it; the old one may still be there."""
    process = await office.process(toy())
    await process.device("bob", "old", channel="toy", device_id="phone")
    await office.clock.advance(1)
    await process.device("bob", "new", channel="toy", device_id="phone")
    await process.ends(await process.send())
    assert ["new"] == [push.token for push in office.vendors.pushes]


async def test_a_token_that_cannot_be_used_gives_way_to_the_next_channel(
    office: Any, toy: Any
) -> None:
    """A device is reached by whatever of its tokens works."""
    process = await office.process(toy(), office.fcm())
    await process.device("bob", "not a token!", channel="toy", device_id="phone")
    token = await process.device("bob", device_id="phone")
    await process.ends(await process.send())
    assert [token] == [push.token for push in office.vendors.pushes]


@pytest.mark.parametrize(
    ("callkit", "event", "token"),
    [
        pytest.param(True, "call", "voice", id="callkit"),
        pytest.param(False, "call", "shown", id="no-callkit"),
        pytest.param(True, "message", "shown", id="message"),
    ],
)
async def test_a_voip_token_is_for_calls_where_callkit_is_allowed(
    office: Any, toy: Any, callkit: bool, event: str, token: str
) -> None:
    """Where it is not, a call comes by the token that shows things; never by both."""
    process = await office.process(toy())
    for name, kind in [("shown", "alert"), ("voice", "voip"), ("live", "liveactivity")]:
        await process.device(
            "bob",
            name,
            channel="toy",
            kind=kind,
            device_id="phone",
            allow_callkit=callkit,
        )
    if event == "call":
        ref = await process.call("bob", resources_id="voip")
    else:
        ref = await process.send()
    await process.ends(ref)
    assert [token] == [push.token for push in office.vendors.pushes]


# Code that fails.


@pytest.mark.parametrize(
    "member", ["route", "authorize", "prepare", "request", "verdicts", "count"]
)
async def test_a_transport_that_raises_costs_its_own_pushes_alone(
    office: Any, toy: Any, member: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Those are refused as internal errors, are not repeated, and the rest goes on."""
    process = await office.process(toy(broken=member), office.fcm())
    await process.device("bob", "t1", channel="toy")
    good = await process.device("bob")
    await process.device("cat")
    refs = [await process.send(), await process.send(to="cat")]
    await process.ends(*refs)
    assert [("refused", "internal_error"), ("sent", "")] == await process.outcomes(refs[0])
    assert [("sent", "")] == await process.outcomes(refs[1])
    assert good in [push.token for push in office.vendors.pushes]
    assert any("failed with" in record.message for record in caplog.records)


async def test_a_carrier_that_raises_costs_its_own_pushes_alone(
    office: Any, toy: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Whether its bytes left is not known."""
    process = await office.process(toy(max_tokens=1))
    await process.device("bob", "t1", channel="toy")
    await process.device("bob", "t2", channel="toy")
    office.vendors.fates["t1"] = deque([ZeroDivisionError("inside")])
    ref = await process.send()
    await process.ends(ref)
    assert [("unknown", "internal_error"), ("sent", "")] == await process.outcomes(ref)
    assert "inside" not in caplog.text


@pytest.mark.parametrize(
    ("change", "call"),
    [
        pytest.param("audience = 'nonsense'", False, id="audience"),
        pytest.param("audience = '[1]'", False, id="audience-of-another-shape"),
        pytest.param("push = '{}'", False, id="push"),
        pytest.param("push = 'nonsense'", False, id="push-no-json"),
        pytest.param("event = 'unheard_of'", False, id="event"),
        pytest.param("ref = 'x'", True, id="ref"),
        pytest.param("page_cursor = 'nonsense'", False, id="page-cursor"),
    ],
)
async def test_a_malformed_job_is_tried_again_and_given_up_at_its_deadline(
    office: Any, change: str, call: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """It does not hold up the others, costs nobody a push, and is logged."""
    accepts = await office.process(workers=0)
    await accepts.device("bob")
    await accepts.device("cat")
    bad = await (accepts.call("bob", timeout=30) if call else accepts.send())
    job_id = (await accepts.job(bad))["job_id"]
    await accepts.change(f"UPDATE jobs SET deadline_at = created_at + 30000, {change}")
    good = await accepts.send(to="cat")
    await accepts.hire()
    await accepts.ends(good)

    async def job() -> Any:
        (row,) = await accepts.rows("jobs", job_id=job_id)
        return row

    async def put_back() -> bool:
        return (await job())["lease_owner"] is None

    await office.eventually(put_back)
    row = await job()
    now = round(office.clock.time() * 1000)
    assert (0, now + 5000) == (row["state"], row["due_at"])
    failures = [record for record in caplog.records if "push job failed" in record.message]
    assert [f"{job_id}"] == [record.job_id for record in failures]
    for _ in range(8):
        await office.after(5)
    assert (1, "internal_error") == ((await job())["state"], (await job())["reason"])
    assert "cat" == (await accepts.records(good))[0].user_id
    assert 1 == len(office.vendors.pushes)
    (record,), over = await accepts.hub.pushes(row["ref"])
    assert ("skipped", "internal_error", True) == (record.outcome.value, record.code, over)


async def test_a_push_that_cannot_be_built_is_refused(office: Any) -> None:
    """A resource that became another kind since cannot start a call with a message."""
    process = await office.process(workers=0)
    await process.device("bob")
    ref = await process.send(resources_id="data")
    process.resources["data"] = process.resources["voip"]
    await process.hire()
    await process.ends(ref)
    (record,) = await process.records(ref)
    assert ("refused", "invalid_notification") == (record.outcome.value, record.code)
    assert "call_id" in record.advice


async def test_voip_settings_do_not_stop_a_push_of_another_kind(office: Any) -> None:
    """A worker that knows the resource by other settings still rings."""
    process = await office.process(workers=0)
    await process.device("bob")
    ref = await process.call("bob", resources_id="voip", voip_config=ZIMVoIPConfig())
    del process.resources["voip"]
    await process.hire()
    await process.ends(ref)
    assert [("sent", "")] == await process.outcomes(ref)


def _token(name: str) -> Any:
    return DeviceToken("fcm", name)
