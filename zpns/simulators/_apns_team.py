"""A developer team: its keys, its certificates, and what is handed out to its servers."""

from __future__ import annotations

import re
import secrets
import string
from collections.abc import Collection, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final, get_args

from cryptography.hazmat.primitives.asymmetric import ec

from zpns.errors import ParameterError
from zpns.simulators._apns_auth import APNsKey, Environment
from zpns.simulators._apns_certificates import ClientAuthority, Issued
from zpns.simulators._apns_checks import one_of
from zpns.simulators._ca import write_private

__all__ = ["Team"]

_ID_LENGTH: Final = 10
_ID_LETTERS: Final = string.ascii_uppercase + string.digits
_ID: Final = re.compile(rf"[A-Z0-9]{{{_ID_LENGTH}}}")


class Team:
    """
    A team with one app and one key to begin with.

    Args:
        bundle_id: The app's.

        team_id: The team's, 10 characters.

        key_id: Of the key, 10 characters; made up if not given.

        private_key: The key, on the curve P-256; made if not given.

    Attributes:
        bundle_id: The app's.

        keys: By ID, the team's own first.
    """

    def __init__(
        self,
        bundle_id: str,
        team_id: str,
        key_id: str | None,
        private_key: ec.EllipticCurvePrivateKey | None,
    ) -> None:
        self.bundle_id = bundle_id
        self._authority: ClientAuthority | None = None
        self._keys: dict[str, APNsKey] = {}
        self.keys: Mapping[str, APNsKey] = MappingProxyType(self._keys)
        self._team_id = team_id
        self._key = self.add_key(key_id, private_key=private_key)

    def credentials(self, url: str, folder: str) -> Mapping[str, str]:
        """
        Write the team's own key to *folder*, readable by its owner alone.

        Args:
            url: Where the simulator is; nothing in the file leads there.

            folder: An existing folder.

        Returns:
            ``key``, the path of the ``.p8`` file, ``key_id``, ``team_id`` and
            ``bundle_id``.
        """
        key = self._key
        path = Path(folder, f"AuthKey_{key.key_id}.p8")
        write_private(path, key.to_pem())
        return {
            "key": str(path),
            "key_id": key.key_id,
            "team_id": key.team_id,
            "bundle_id": self.bundle_id,
        }

    def add_key(
        self,
        key_id: str | None = None,
        *,
        team_id: str | None = None,
        environment: Environment | None = None,
        topics: Collection[str] | None = None,
        private_key: ec.EllipticCurvePrivateKey | None = None,
    ) -> APNsKey:
        """
        Make another key with which provider tokens may be signed.

        Args:
            key_id: Its ID, 10 characters; made up if not given.

            team_id: Of its team; this one if not given.

            environment: The one environment it may be used in; both if not given.

            topics: The bundle IDs it may be used for; all if not given.

            private_key: On the curve P-256; made if not given.

        Raises:
            ParameterError: An ID is none, or there is a key with it.
        """
        if key_id is None:
            key_id = "".join(secrets.choice(_ID_LETTERS) for _ in range(_ID_LENGTH))
        team_id = self._team_id if team_id is None else team_id
        for name, value in (("key_id", key_id), ("team_id", team_id)):
            if not isinstance(value, str) or _ID.fullmatch(value) is None:
                raise ParameterError(name, "10 upper-case letters and digits", value)
        if key_id in self._keys:
            raise ParameterError("key_id", "one that no key here has", key_id)
        one_of("environment", environment, (None, *get_args(Environment)))
        if private_key is None:
            private_key = ec.generate_private_key(ec.SECP256R1())
        elif not isinstance(getattr(private_key, "curve", None), ec.SECP256R1):
            kind = type(private_key).__name__
            raise ParameterError("private_key", "a private key on the curve P-256", kind)
        key = APNsKey(
            key_id=key_id,
            team_id=team_id,
            environment=environment,
            topics=None if topics is None else frozenset(topics),
            private_key=private_key,
        )
        self._keys[key_id] = key
        return key

    def issue_certificate(
        self,
        topics: Collection[str] | None = None,
        *,
        environments: Collection[Environment] = get_args(Environment),
    ) -> Issued:
        """
        Make a client certificate; a client that has one needs no provider token.

        Args:
            topics: What it may be used for: one, which requests then need not name, or
                several; *bundle_id* if not given.

            environments: Where it may be used.
        """
        names = [self.bundle_id] if topics is None else list(topics)
        return self._certifier.issue(names, environments, listed=len(names) > 1)

    def client_authority(self) -> str:
        """Return the PEM of the authority whose client certificates are accepted."""
        return self._certifier.pem

    @property
    def _certifier(self) -> ClientAuthority:
        if self._authority is None:
            self._authority = ClientAuthority()
        return self._authority
