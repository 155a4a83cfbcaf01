"""
The first push: a notification to two devices, and to one that no longer has the app.

Runs by itself against a simulated Firebase project. For the real one, leave the simulator
out and say ``FCM.from_service_account("fcm.json")``; nothing else changes.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile

from zpns import Notification, Outcome, Sender
from zpns.simulators import FCMSimulator, SimulatorServer
from zpns.transports import FCM

NOTIFICATION = Notification(title="Hello", content="This is the first push.")


async def main() -> int:
    """Push to three tokens and return how many did not end as they should."""
    simulator = FCMSimulator()
    with tempfile.TemporaryDirectory() as folder:
        async with SimulatorServer(simulator) as server:
            account = simulator.credentials(server.url, folder)["service_account"]
            fcm = FCM.from_service_account(account, base_url=server.url, ca_file=server.ca_file)
            phone, tablet, old = (simulator.register() for _ in range(3))
            simulator.unregister(old)  # the app was removed
            expected = {phone: Outcome.SENT, tablet: Outcome.SENT, old: Outcome.TOKEN_DEAD}

            wrong = 0
            async with Sender(fcm) as sender, sender.send_many(NOTIFICATION, expected) as results:
                # What concerns one token is a result, never an exception.
                async for delivery in results:
                    print(delivery.target, delivery.outcome, delivery.advice)
                    wrong += delivery.outcome is not expected[delivery.token]

    for name, token in (("phone", phone), ("tablet", tablet), ("old phone", old)):
        shown = [
            push.message["android"]["notification"]["title"] for push in simulator.delivered(token)
        ]
        print(f"the {name} shows {shown}")
        wrong += shown != (["Hello"] if expected[token] is Outcome.SENT else [])
    return wrong


if __name__ == "__main__":
    sys.exit(1 if asyncio.run(main()) else 0)
