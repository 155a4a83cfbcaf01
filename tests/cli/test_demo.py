"""``zpns demo``: what it shows, and that it tells when something is not right."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

import attrs
import pytest
from command import Ended, here, on_a_terminal, zpns

from zpns.cli import ExitCode, _bench, _story
from zpns.cli._bench import VENDORS, Device, Vendor
from zpns.cli._story import Push, Report
from zpns.simulators import SIMULATORS
from zpns.transports import TRANSPORTS


@pytest.fixture(scope="module")
def shown() -> Ended:
    """The demo for people, through a pipe."""
    return zpns("demo")


@pytest.fixture(scope="module")
def told() -> Ended:
    """The demo for programs."""
    return zpns("demo", "--json")


def test_json_is_one_object_of_a_known_shape(told: Ended) -> None:
    """A program reads one line and finds pushes by channel, inbox and call in it."""
    (report,) = told.objects

    assert (ExitCode.SUCCESS, "") == (told.code, told.err)
    assert report["ok"] is True
    assert {"fcm"} <= set(report["channels"])
    assert all({"sent", "seen"} == set(counts) for counts in report["channels"].values())
    assert all(counts["sent"] == counts["seen"] > 0 for counts in report["channels"].values())
    assert 1 == report["inbox"]
    assert re.fullmatch(r"\d+", report["call"].pop("call_id"))
    assert {"caller": "alice", "state": "accepted", "accepted_by": "bob"} == report["call"]
    assert [] == report["problems"]


def test_every_device_has_its_outcome(told: Ended) -> None:
    """Each device of the table got the message, and the callee's living ones rang."""
    deliveries = told.objects[0]["deliveries"]

    for channel in told.objects[0]["channels"]:
        devices = VENDORS[channel].devices
        written = [(device.owner, device.name) for device in devices]
        own = [push for push in deliveries if push["channel"] == channel]
        messages = [push for push in own if push["what"] == "message"]
        rung = [push for push in own if push["what"] == "call" and not push["gone"]]
        assert sorted(written) == sorted((push["user_id"], push["device"]) for push in messages)
        assert [device.name for device in devices if device.owner == "bob" and not device.gone] == [
            push["device"] for push in rung
        ]
    assert {"token_dead" if push["gone"] else "sent" for push in deliveries} == {
        push["outcome"] for push in deliveries
    }


def test_sent_is_counted_from_the_outcomes(told: Ended) -> None:
    """The number of pushes sent is that of the outcomes below it."""
    (report,) = told.objects

    for channel, counts in report["channels"].items():
        sent = [
            push
            for push in report["deliveries"]
            if push["channel"] == channel and push["outcome"] == "sent"
        ]
        assert counts["sent"] == len(sent)


def test_people_see_a_row_per_device_and_the_sum(shown: Ended, told: Ended) -> None:
    """The table has every delivery, the dead token with advice; inbox, call and sum follow."""
    lines = shown.out.splitlines()
    deliveries = told.objects[0]["deliveries"]
    sent = sum(push["outcome"] == "sent" for push in deliveries)
    head = next(index for index, line in enumerate(lines) if line.startswith("user "))
    rows = lines[head + 1 : lines.index("", head)]

    assert (ExitCode.SUCCESS, "") == (shown.code, shown.err)
    assert [(push["user_id"], push["channel"]) for push in deliveries] == [
        tuple(row.split()[:2]) for row in rows
    ]
    dead = [row for row in rows if "token_dead" in row]
    assert dead
    assert all("forget the token" in row for row in dead)
    assert [line for line in lines if line.startswith("inbox ") and "1 message: 'hello'" in line]
    assert [line for line in lines if line.startswith("call ") and "answered by bob" in line]
    assert f"{sent} of {sent} seen by the simulators" == lines[-1]


@pytest.mark.parametrize(
    "form", [pytest.param("shown", id="text"), pytest.param("told", id="json")]
)
def test_a_pipe_gets_plain_text_without_secrets(form: str, request: pytest.FixtureRequest) -> None:
    """No escape sequences, no padding, no device token and no key."""
    ended: Ended = request.getfixturevalue(form)

    assert "\x1b" not in ended.out
    assert not [line for line in ended.out.splitlines() if line != line.rstrip()]
    assert "APA91b" not in ended.out + ended.err
    assert "PRIVATE KEY" not in ended.out + ended.err


@pytest.mark.skipif(os.name != "posix", reason="needs a pseudo-terminal")
def test_a_terminal_gets_colours() -> None:
    """On a terminal the outcomes are coloured and the table is ruled."""
    code, text = on_a_terminal("demo", columns=140)

    assert ExitCode.SUCCESS == code
    assert re.search("\x1b\\[32msent", text)
    assert re.search("\x1b\\[33mtoken_dead", text)
    assert "───" in text
    assert "seen by the simulators" in text


def test_every_vendor_has_a_row() -> None:
    """Whoever adds a transport and a simulator adds the vendor to the demo."""
    both = {channel for channel in SIMULATORS if channel in TRANSPORTS}

    assert both == set(VENDORS) & both, "add a row to VENDORS in zpns/cli/_bench.py"
    assert both == set(_bench.channels())


# When something is not right.


def _vendors(vendor: Vendor) -> Mapping[str, Vendor]:
    return {"fcm": vendor}


def test_pushes_nobody_saw_are_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is reported as sent and is not in the simulator's record fails the demo."""
    blind = attrs.evolve(VENDORS["fcm"], seen=lambda entry: 0)
    monkeypatch.setattr(_bench, "VENDORS", _vendors(blind))

    ended = here("demo")

    assert ExitCode.REFUSED == ended.code
    assert "0 of 6 seen by the simulators" in ended.out
    assert "fcm: 6 reported as sent, 0 seen by the simulator" in ended.err


def test_a_token_that_died_unexpectedly_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """A device that should have been reached and was not fails the demo, by name."""
    devices = (
        Device(name="phone"),
        Device(name="tablet", tokens={"alert": {"state": "unregistered"}}),
        Device(name="phone", owner="carol"),
    )
    monkeypatch.setattr(_bench, "VENDORS", _vendors(attrs.evolve(VENDORS["fcm"], devices=devices)))

    ended = here("demo", "--json")
    (report,) = ended.objects

    assert ExitCode.REFUSED == ended.code
    assert report["ok"] is False
    assert {"fcm": {"sent": 3, "seen": 3}} == report["channels"]
    assert "message to the tablet of bob: expected sent, got token_dead" in report["problems"][0]


def test_a_device_with_two_tokens_is_one_device(monkeypatch: pytest.MonkeyPatch) -> None:
    """An iPhone has a token for alerts and one for calls, and yet gets each push once."""
    both = {"alert": {}, "web": {"kind": "web"}}
    devices = (
        Device(name="two in one", tokens=both),
        Device(name="old one", tokens=both, gone=True),
        Device(name="phone", owner="carol"),
    )
    monkeypatch.setattr(_bench, "VENDORS", _vendors(attrs.evolve(VENDORS["fcm"], devices=devices)))

    ended = here("demo", "--json")
    (report,) = ended.objects

    assert (ExitCode.SUCCESS, {"fcm": {"sent": 3, "seen": 3}}) == (ended.code, report["channels"])


def _push(what: str, device: Device, outcome: str) -> Push:
    return Push(
        what=what,
        user_id=device.owner,
        channel="fcm",
        device=device.name,
        gone=device.gone,
        form="fcm_data",
        outcome=outcome,
        answer="",
        advice="",
    )


PHONE = Device(name="phone")
OLD = Device(name="old phone", gone=True)
HERS = Device(name="phone", owner="carol")


@pytest.fixture
def report() -> Report:
    """A demo in which all went well."""
    return Report(
        deliveries=[
            _push("message", PHONE, "sent"),
            _push("message", OLD, "token_dead"),
            _push("message", HERS, "sent"),
            _push("call", PHONE, "sent"),
        ],
        seen_by={"fcm": 3},
        inbox=["hello"],
        call_id="1",
        accepted_by="bob",
    )


def _problems(report: Report) -> Iterator[str]:
    return _story._problems(report, {"a": PHONE, "b": OLD, "c": HERS})


def test_a_good_report_has_no_problem(report: Report) -> None:
    """What is as it should be is not complained about; a dead token may be rung in vain."""
    assert [] == list(_problems(report))
    report.deliveries.append(_push("call", OLD, "token_dead"))
    assert [] == list(_problems(report))


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        pytest.param({"seen_by": {"fcm": 2}}, "3 reported as sent, 2 seen", id="seen-too-few"),
        pytest.param({"seen_by": {"fcm": 4}}, "3 reported as sent, 4 seen", id="seen-too-many"),
        pytest.param({"inbox": []}, "to wait for bob, got 0", id="inbox-empty"),
        pytest.param({"inbox": ["hello"] * 2}, "to wait for bob, got 2", id="inbox-twice"),
        pytest.param({"accepted_by": ""}, "expected bob to answer", id="not-answered"),
    ],
)
def test_each_part_of_the_story_counts(report: Report, spoil: dict[str, Any], said: str) -> None:
    """One part that is wrong is a problem, and the only one."""
    for name, value in spoil.items():
        setattr(report, name, value)

    (problem,) = _problems(report)
    assert said in problem


@pytest.mark.parametrize(
    ("index", "outcome", "said"),
    [
        pytest.param(1, "sent", "old phone of bob: expected token_dead", id="dead-token-missed"),
        pytest.param(1, "refused", "old phone of bob: expected token_dead", id="dead-refused"),
        pytest.param(2, "unknown", "phone of carol: expected sent, got unknown", id="lost"),
        pytest.param(3, "expired", "call to the phone of bob: expected sent", id="call-too-late"),
    ],
)
def test_each_outcome_counts(report: Report, index: int, outcome: str, said: str) -> None:
    """A device whose outcome is not the expected one is named."""
    report.deliveries[index] = attrs.evolve(report.deliveries[index], outcome=outcome)

    assert [problem for problem in _problems(report) if said in problem]


@pytest.mark.parametrize(
    ("index", "said"),
    [
        pytest.param(1, "expected 3 pushes for the message, got 2", id="message-missing"),
        pytest.param(3, "expected 1 pushes for the call, got 0", id="call-missing"),
    ],
)
def test_a_missing_push_counts(report: Report, index: int, said: str) -> None:
    """A device without any record is missed."""
    del report.deliveries[index]

    assert said in list(_problems(report))


def test_a_report_with_problems_is_not_ok(report: Report) -> None:
    """``ok`` and the exit status follow from the problems alone."""
    assert report.ok
    assert report.to_json()["ok"] is True

    report.problems.append("the sky fell")

    assert not report.ok
    assert report.to_json()["ok"] is False
    assert ["the sky fell"] == report.to_json()["problems"]
