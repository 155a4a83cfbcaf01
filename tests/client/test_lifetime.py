"""What a client is made of, when it may be used, and what is left of it at the end."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import textwrap
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

import zpns
from zpns import DeviceToken, Resource, ZIMCallInviteConfig, ZIMPushConfig
from zpns.errors import ConfigError, ParameterError, StateError, StoreError

Text = Callable[..., Awaitable[Any]]


# What it is made of.


@pytest.mark.parametrize(
    ("options", "said"),
    [
        pytest.param({"workers": -1}, "workers: expected a whole number, 0 or more, got -1", id="-1"),
        pytest.param({"workers": True}, "workers: expected a whole number", id="workers-bool"),
        pytest.param({"workers": 1.5}, "workers: expected a whole number", id="workers-float"),
        pytest.param({"ack_within": -0.1}, "ack_within: expected seconds", id="ack-negative"),
        pytest.param({"ack_within": float("nan")}, "ack_within: expected seconds", id="ack-nan"),
        pytest.param(
            {"store": "postgresql://u:secret@h/db"},
            "store: expected 'sqlite:///FILE' or 'sqlite://', got one that begins with",
            id="store-of-another-kind",
        ),
        pytest.param({"store": "push.db"}, "store: expected 'sqlite:///FILE'", id="store-path"),
        pytest.param({"store": "sqlite:///"}, "store: expected 'sqlite:///FILE'", id="store-empty"),
        pytest.param({"transports": ["fcm"]}, "transports: expected transports", id="transport"),
        pytest.param({"resources": ["x"]}, "resources: expected Resource, got str", id="resource"),
        pytest.param(
            {"resources": [Resource(resources_id="x"), Resource(resources_id="x")]},
            "resources: two of them are named 'x'",
            id="resource-twice",
        ),
    ],
)  # fmt: skip
def test_a_wrong_setting_is_named(options: dict[str, Any], said: str) -> None:
    """At construction, and without a password in the text."""
    with pytest.raises(ConfigError) as caught:
        zpns.Client(**options)
    assert said in str(caught.value)
    assert "secret" not in str(caught.value)


async def test_two_transports_of_one_app_are_refused(desk: Any) -> None:
    """Channel and app are unique; the error says what to change."""
    with pytest.raises(ConfigError, match="two of them are fcm with app 'default'; give one"):
        zpns.Client([desk.fcm, desk.fcm])


async def test_an_unknown_setting_of_a_resource_is_named_with_its_nearest(desk: Any) -> None:
    """A slip of the pen is found before the first push."""
    resource = Resource(resources_id="x", channels={"fcm": {"chanel_id": "calls"}})
    with pytest.raises(ConfigError, match="did you mean 'channel_id'"):
        zpns.Client([desk.fcm], resources=[resource])


async def test_repr_says_what_helps_and_hides_what_is_secret(desk: Any) -> None:
    """Client, view and results."""
    client = await desk.open()
    token = desk.simulator.register()
    results = await client.register("bob", DeviceToken("fcm", token))
    view = await client.login("bob")
    assert "<Client transports=fcm/default store=SQLiteStore() open>" == repr(client)
    assert "<ZIM user_id='bob' online>" == repr(view)
    assert token not in repr(results)
    await client.aclose()
    assert repr(client).endswith("closed>")
    assert "<ZIM user_id='bob' closed>" == repr(view)
    assert "<Client transports=none store=SQLiteStore() new>" == repr(zpns.Client())


@pytest.mark.parametrize(
    ("token", "field"),
    [
        pytest.param(DeviceToken("fcm", "secret token with spaces"), "token", id="alphabet"),
        pytest.param(DeviceToken("fcm", "secret", kind="voip"), "token", id="kind"),
        pytest.param(DeviceToken("fcm", "secret", app="tv"), "app", id="unknown-app"),
        pytest.param(DeviceToken("fmc", "secret"), "channel", id="unknown-channel"),
    ],
)
async def test_a_token_that_no_push_could_reach_is_refused(
    desk: Any, token: DeviceToken, field: str
) -> None:
    """At registration, with what would be right; none of the others is bound."""
    client = await desk.open()
    good = DeviceToken("fcm", desk.simulator.register())
    with pytest.raises(ParameterError) as caught:
        await client.register("bob", good, token)
    assert field == caught.value.field
    assert "secret token" not in str(caught.value)
    with pytest.raises(zpns.errors.RegistrationNotFound):
        await client.unregister("bob", good)


async def test_a_client_that_does_not_deliver_takes_tokens_of_every_channel(desk: Any) -> None:
    """Whoever delivers has the transports; a channel that nobody knows is refused all the same."""
    async with zpns.Client(workers=0, clock=desk.clock) as client:
        await client.register("bob", DeviceToken("fcm", "x y"))
        with pytest.raises(ParameterError, match="channel: expected one of"):
            await client.register("bob", DeviceToken("fmc", "x"))


@pytest.mark.parametrize("tokens", [(), ("bare-secret-token",)], ids=["none", "text"])
async def test_register_wants_tokens(desk: Any, tokens: tuple[Any, ...]) -> None:
    """At least one, and no bare text; the text is not repeated."""
    client = await desk.open()
    with pytest.raises(ParameterError, match="tokens: expected") as caught:
        await client.register("bob", *tokens)
    assert "bare-secret" not in str(caught.value)


# When it may be used.


async def test_a_client_is_started_before_it_is_used(text: Text) -> None:
    """Each verb says what to do."""
    client = zpns.Client()
    with pytest.raises(StateError, match="this Client is new; use it in `async with`"):
        await text(client)
    with pytest.raises(StateError, match="is new"):
        await client.wait("1")


async def test_a_closed_client_refuses_everything(desk: Any, text: Text) -> None:
    """And cannot be started again."""
    client = await desk.open()
    await client.aclose()
    for work in (
        text(client),
        client.register("bob", DeviceToken("fcm", "x")),
        client.unregister("bob"),
        client.login("bob"),
        client.call_invite(["bob"], ZIMCallInviteConfig(), caller="ann"),
        client.query_call("1"),
        client.wait("1"),
        client.add_users("bob"),
        client.start(),
    ):
        with pytest.raises(StateError, match="this Client is closed; make a new one"):
            await work


async def test_a_client_is_started_once(desk: Any) -> None:
    """A second start would be a second set of workers."""
    client = await desk.open()
    with pytest.raises(StateError, match="this Client is open"):
        await client.start()


async def test_closing_a_client_that_was_never_started_is_harmless() -> None:
    """It is closed then."""
    client = zpns.Client()
    await client.aclose()
    with pytest.raises(StateError, match="closed"):
        await client.start()


async def test_a_start_that_fails_may_be_tried_again(tmp_path: Path) -> None:
    """Nothing is left behind by the first."""
    folder = tmp_path / "missing"
    client = zpns.Client(store=f"sqlite:///{folder / 'push.db'}")
    with pytest.raises(StoreError, match="its folder exists"):
        await client.start()
    assert {asyncio.current_task()} == asyncio.all_tasks()
    folder.mkdir()
    async with client:
        await client.add_users("bob")


def test_a_client_belongs_to_one_loop(tmp_path: Path) -> None:
    """Used from another it says so; its views do too."""
    client = zpns.Client()
    first = asyncio.new_event_loop()
    second = asyncio.new_event_loop()
    try:
        first.run_until_complete(client.start())
        view = first.run_until_complete(client.login("bob"))
        for work in (client.add_users("x"), client.aclose(), anext(view.events())):
            with pytest.raises(StateError, match="belongs to another event loop"):
                second.run_until_complete(work)
        first.run_until_complete(client.aclose())
    finally:
        first.close()
        second.close()


# The end.


async def test_closing_waits_for_attempts_under_way(
    desk: Any, text: Text, push: ZIMPushConfig
) -> None:
    """It refuses new work meanwhile; a second call waits for the first."""
    client = await desk.open()
    await desk.device(client, "bob")
    desk.carrier.hold()
    await text(client, push=push)
    await desk.carrier.received(1)
    closing = [asyncio.create_task(client.aclose(drain=5)) for _ in range(2)]
    await desk.clock.advance(1)
    with pytest.raises(StateError, match="this Client is closing"):
        await text(client)
    assert [False, False] == [task.done() for task in closing]
    desk.carrier.release()
    await asyncio.wait_for(asyncio.gather(*closing), 20)
    assert 1 == desk.pushes


async def test_several_workers_drain_together(
    desk: Any, text: Text, push: ZIMPushConfig, patience: Callable[..., Awaitable[None]]
) -> None:
    """The time to drain is the client's, not each worker's."""
    client = await desk.open(workers=4)
    await desk.device(client, "bob")
    desk.carrier.hold()
    for _ in range(4):
        await text(client, push=push)
    await desk.carrier.received(1)
    closing = asyncio.create_task(client.aclose(drain=5))
    await patience(lambda: all(worker._claiming.done() for worker in client._workers))
    await desk.clock.advance(5)
    await asyncio.wait_for(closing, 20)
    assert 5 >= desk.clock.monotonic()


async def test_a_cancelled_close_closes_all_the_same(
    desk: Any, text: Text, push: ZIMPushConfig, patience: Callable[..., Awaitable[None]]
) -> None:
    """The caller goes; connections, leases and tasks do not stay."""
    client = await desk.open()
    await desk.device(client, "bob")
    desk.carrier.hold()
    await text(client, push=push)
    await desk.carrier.received(1)
    closing = asyncio.create_task(client.aclose(drain=5))
    await desk.clock.advance(1)
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    desk.carrier.release()
    await patience(lambda: repr(client).endswith("closed>"))
    assert {asyncio.current_task()} == asyncio.all_tasks()


async def test_an_error_in_the_block_passes_through_the_close(desk: Any) -> None:
    """The client is closed, and the error is the caller's own."""
    client = desk.client()
    with pytest.raises(ZeroDivisionError):
        async with client:
            await client.login("bob")
            raise ZeroDivisionError
    assert repr(client).endswith("closed>")


async def test_closing_closes_the_views(desk: Any, tmp_path: Path) -> None:
    """Their users are offline for whoever is left; what was bound stays bound."""
    address = f"sqlite:///{tmp_path / 'shared.db'}"
    one, two = await desk.open(store=address), await desk.open(store=address)
    await desk.device(one, "bob")
    view = await one.login("bob")
    reading = asyncio.ensure_future(anext(view.events()))
    await desk.calm()
    await one.aclose()
    with pytest.raises(StopAsyncIteration):
        await reading
    (status,) = await two.query_users_status(["bob"])
    assert 1 == status.online_status
    await two.unregister("bob")


async def test_a_login_that_loses_against_the_close_leaves_no_view(desk: Any) -> None:
    """Whatever the moment, nothing of it runs on."""
    for turns in range(8):
        client = await desk.open()
        login = asyncio.create_task(client.login("bob"))
        for _ in range(turns):
            await asyncio.sleep(0)
        await client.aclose()
        (result,) = await asyncio.gather(login, return_exceptions=True)
        assert isinstance(result, (StateError, zpns.ZIM))
        assert "online" not in repr(result)


async def test_closing_with_a_store_that_fails_closes_everything(
    desk: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """A session that cannot be ended ends by itself, and is said to."""
    client = await desk.open()
    await client.login("bob")

    def broken(connection: Any, items: Any) -> list[Any]:
        connection.exec_driver_sql("ALTER TABLE sessions RENAME TO elsewhere")
        return [None] * len(items)

    await client._store.write(broken, None)
    await client.aclose()
    assert "<ZIM user_id='bob' closed> stays online until its session ends" in caplog.text
    assert {asyncio.current_task()} == asyncio.all_tasks()


PROGRAM = """
    import asyncio, sys, warnings
    import zpns
    from zpns import *
    from zpns.simulators import FCMSimulator, SimulatorServer
    from zpns.transports import FCM

    async def main(store):
        asyncio.get_running_loop().slow_callback_duration = 60  # a key is made here
        simulator = FCMSimulator()
        async with SimulatorServer(simulator) as server:
            account = simulator.credentials(server.url, sys.argv[1])["service_account"]
            fcm = FCM.from_service_account(account, base_url=server.url, ca_file=server.ca_file)
            async with zpns.Client([fcm], store=store) as client:
                await client.register("bob", DeviceToken("fcm", simulator.register()))
                bob, ann = await client.login("bob"), await client.login("ann")
                bob.on("peer_message_received", print)
                events = ann.events()
                push = ZIMPushConfig(title="a", content="b")
                sent = await client.send_message(
                    ZIMTextMessage(message="x"), "bob", ZIMConversationType.PEER,
                    ZIMMessageSendConfig(priority=ZIMMessagePriority.LOW, push_config=push),
                    sender="cat")
                await client.call_invite(["bob"], ZIMCallInviteConfig(push_config=push), caller="ann")
                async for event in events:
                    if event.EVENT == "callInvitationCreated":
                        break
                await client.wait(sent.message.message_id, timeout=20)
                reading = asyncio.create_task(anext(events))
                await asyncio.sleep(0)
            (ended,) = await asyncio.gather(reading, return_exceptions=True)
            assert isinstance(ended, StopAsyncIteration), ended
        left = asyncio.all_tasks() - {asyncio.current_task()}
        assert not left, left

    for store in (None, f"sqlite:///{sys.argv[1]}/push.db"):
        asyncio.run(main(store))
"""


def test_a_program_in_development_mode_has_nothing_to_complain_of(tmp_path: Path) -> None:
    """No resource, task or exception is left for the interpreter to find."""
    found = subprocess.run(
        [
            *(sys.executable, "-X", "dev", "-W", "error", "-c", textwrap.dedent(PROGRAM)),
            str(tmp_path),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={"PYTHONPATH": str(Path(zpns.__file__).parent.parent)},
    )
    assert (0, "") == (found.returncode, found.stderr)
