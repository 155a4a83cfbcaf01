"""
firebase-admin's ``send_each_async`` against the same gateway; in an environment of its own.

``python _peer_firebase.py COUNT PORT CA_FILE ACCOUNT_FILE``: prints a line of JSON.
"""

import asyncio
import json
import os
import resource
import sys
import time

import firebase_admin
import httpx
from firebase_admin import credentials, messaging
from google.auth import credentials as google_credentials

BATCH = 500  # its own limit


class Static(credentials.Base):
    """A credential that is already there: the login is not what is measured."""

    class _Token(google_credentials.Credentials):
        def __init__(self) -> None:
            super().__init__()
            self.token = "ya29." + "e" * 200

        @property
        def valid(self) -> bool:
            return True

        def refresh(self, request: object) -> None:
            raise AssertionError("never asked")

    def get_credential(self) -> google_credentials.Credentials:
        return self._Token()


async def main() -> None:
    count, port, ca_file = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    os.environ["SSL_CERT_FILE"] = ca_file
    original = httpx.AsyncClient.__init__

    def trusting(self: httpx.AsyncClient, *args: object, **kwargs: object) -> None:
        kwargs["verify"] = ca_file
        original(self, *args, **kwargs)  # type: ignore[arg-type]

    httpx.AsyncClient.__init__ = trusting  # type: ignore[method-assign]
    app = firebase_admin.initialize_app(Static(), {"projectId": "demo-zpns"})
    service = messaging._get_messaging_service(app)
    service._fcm_url = f"https://127.0.0.1:{port}/v1/projects/demo-zpns/messages:send"
    done = 0

    def message(number: int) -> messaging.Message:
        return messaging.Message(
            notification=messaging.Notification(title="alice", body="x" * 361),
            token=f"f{number:021d}:APA91b{number:0100d}",
        )

    before = resource.getrusage(resource.RUSAGE_SELF)
    started = time.perf_counter()
    for first in range(0, count, BATCH):
        result = await messaging.send_each_async(
            [message(number) for number in range(first, min(first + BATCH, count))], app=app
        )
        done += result.success_count
    taken = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(json.dumps({"rate": count / taken, "cpu": cpu / count, "done": done}))


asyncio.run(main())
