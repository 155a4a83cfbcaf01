# %% [markdown]
# # zpns in a notebook
#
# Open this file in an editor that knows `# %%` cells, or run it as a script.
# It talks to a simulated Firebase project; no account is needed.

# %% One event loop for all cells
# A client belongs to one event loop and works between cells too, so the loop gets a thread
# of its own. `run` then is the same in a notebook and in a script.
import asyncio
import sys
import tempfile
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

import zpns
from zpns.simulators import FCMSimulator, SimulatorServer
from zpns.transports import FCM

T = TypeVar("T")

loop = asyncio.new_event_loop()
thread = threading.Thread(target=loop.run_forever, daemon=True)
thread.start()


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run *work* in the loop and return its result; at most a minute."""
    return asyncio.run_coroutine_threadsafe(work, loop).result(timeout=60)


# %% A vendor on this machine, and a client that talks to it
simulator = FCMSimulator()
server = SimulatorServer(simulator)
run(server.start())
folder = tempfile.TemporaryDirectory()
account = simulator.credentials(server.url, folder.name)["service_account"]
client = zpns.Client(
    [FCM.from_service_account(account, base_url=server.url, ca_file=server.ca_file)]
)
run(client.start())
print(client)

# %% Bob has a phone
phone = simulator.register()
(registered,) = run(client.register("bob", zpns.DeviceToken("fcm", phone)))
print(registered)

# %% Alice writes to him
sent = run(
    client.send_message(
        zpns.ZIMTextMessage(message="hello"),
        "bob",
        zpns.ZIMConversationType.PEER,
        zpns.ZIMMessageSendConfig(
            priority=zpns.ZIMMessagePriority.HIGH,
            push_config=zpns.ZIMPushConfig(title="alice", content="hello"),
        ),
        sender="alice",
    )
)
pushes = run(client.wait(sent.message.message_id, timeout=5))
for push in pushes:
    print(push.user_id, push.channel, push.form, push.outcome)

# %% What did the vendor see?
for request in server.record:
    print(request.method, request.path, request.status)
shown = simulator.delivered(phone)[0].message["android"]["notification"]
print(shown["title"], "-", shown["body"])

# %% Close everything
run(client.aclose())
run(server.aclose())
folder.cleanup()
loop.call_soon_threadsafe(loop.stop)
thread.join()
loop.close()

# %% As a script: did it work?
if [push.outcome for push in pushes] != [zpns.Outcome.SENT] or shown["body"] != "hello":
    sys.exit("the push did not arrive")
