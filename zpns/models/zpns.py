"""What a device registers with, and what its pushes look like to the app."""

import base64
import re
from collections.abc import Mapping
from typing import Any, Final

import attrs

from zpns.errors import ParameterError, shorten
from zpns.models._checks import one_of, text
from zpns.models._fields import furnish, hidden
from zpns.models._open import known
from zpns.models.enums import ZPNsIOSEnvironment, ZPNsPushSourceType

__all__ = [
    "ZPNsConfig",
    "ZPNsIOSNotificationArrivedConfig",
    "ZPNsLocalMessage",
    "ZPNsMessage",
    "ZPNsNotificationChannel",
    "ZPNsRegisterConfig",
    "ZPNsRegisterMessage",
    "ZPNsWebConfig",
]

VAPID_CHARACTERS: Final = 87  # base64url of 65 bytes, no padding
VAPID_BYTES: Final = 65  # an uncompressed point of P-256: 0x04 and two coordinates
_BASE64URL: Final = re.compile(rf"[A-Za-z0-9_-]{{{VAPID_CHARACTERS}}}")


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZPNsConfig:
    """
    Which vendors a device may register with.

    Attributes:
        app_type: Certificate set of the app, 1 or 2; 0 is the default set.

        enable_fcm_push: FCM. ZPNs ``enableFCMPush``.

        enable_hw_push: Huawei. ZPNs ``enableHWPush``.

        enable_mi_push: Xiaomi.

        enable_oppo_push: OPPO.

        enable_vivo_push: vivo.

        enable_hw_badge: Huawei's badge. ZPNs ``enableHWBadge``, or ``enableHwBadge``.

        mi_app_id: Xiaomi's app ID.

        mi_app_key: Xiaomi's app key, shortened in ``repr``.

        oppo_app_id: OPPO's app ID.

        oppo_app_secret: OPPO's app secret, shortened in ``repr``.

        oppo_app_key: OPPO's app key, shortened in ``repr``.

        vivo_app_id: vivo's app ID.

        vivo_app_key: vivo's app key, shortened in ``repr``.

        hw_app_id: Huawei's app ID.
    """

    app_type: int = attrs.field(default=0, validator=one_of(0, 1, 2))
    enable_fcm_push: bool = False
    enable_hw_push: bool = False
    enable_mi_push: bool = False
    enable_oppo_push: bool = False
    enable_vivo_push: bool = False
    enable_hw_badge: bool = attrs.field(default=False, metadata={"also": ("enableHwBadge",)})
    mi_app_id: str = ""
    mi_app_key: str = attrs.field(default="", repr=shorten)
    oppo_app_id: str = ""
    oppo_app_secret: str = attrs.field(default="", repr=shorten)
    oppo_app_key: str = attrs.field(default="", repr=shorten)
    vivo_app_id: str = ""
    vivo_app_key: str = attrs.field(default="", repr=shorten)
    hw_app_id: str = ""


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZPNsIOSNotificationArrivedConfig:
    """
    What iOS shows while the app is in the foreground.

    Attributes:
        is_present_badge: Whether the badge changes.

        is_present_sound: Whether the sound plays.

        is_present_alert: Whether the banner shows.
    """

    is_present_badge: bool = False
    is_present_sound: bool = False
    is_present_alert: bool = False


def _vapid_key(_: Any, attribute: Any, value: Any) -> None:
    expected = (
        f"the public key of the web push certificate: {VAPID_CHARACTERS} characters of "
        f"base64url, {VAPID_BYTES} bytes, the first 0x04"
    )
    if value == "":
        return
    if not isinstance(value, str) or not _BASE64URL.fullmatch(value):
        raise ParameterError(attribute.name, expected, value)
    # 87 characters hold 65 bytes and 2 bits, which the decoder leaves out.
    if base64.urlsafe_b64decode(f"{value}=")[0] != 0x04:
        raise ParameterError(attribute.name, expected, value)


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZPNsWebConfig:
    """
    The Firebase app a browser registers with.

    Attributes:
        api_key: Firebase's API key, shortened in ``repr``.

        auth_domain: Firebase's domain of the app.

        project_id: Firebase's project. On the wire ``projectId``.

        storage_bucket: Firebase's storage.

        messaging_sender_id: Firebase's sender. On the wire ``messagingSenderId``.

        app_id: Firebase's app. On the wire ``appId``.

        measurement_id: Firebase's analytics. On the wire ``measurementId``.

        vapid_key: Public key of the web push certificate: 87 characters of base64url
            that hold an uncompressed point of P-256; empty means none.
    """

    api_key: str = attrs.field(default="", repr=shorten)
    auth_domain: str = ""
    project_id: str = attrs.field(default="", metadata={"wire": "projectId"})
    storage_bucket: str = ""
    messaging_sender_id: str = attrs.field(default="", metadata={"wire": "messagingSenderId"})
    app_id: str = attrs.field(default="", metadata={"wire": "appId"})
    measurement_id: str = attrs.field(default="", metadata={"wire": "measurementId"})
    vapid_key: str = attrs.field(default="", validator=_vapid_key)


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZPNsRegisterConfig:
    """
    How a device registers.

    Attributes:
        enable_ios_voip: Whether to get a VoIP token too. ZPNs ``enableIOSVoIP``.

        ios_environment: Apple's environment; None follows the debug switch. ZPNs
            ``iOSEnvironment``.

        ios_notification_arrived_config: What iOS shows in the foreground.

        web_config: The Firebase app, for browsers.
    """

    enable_ios_voip: bool = False
    ios_environment: ZPNsIOSEnvironment | None = attrs.field(
        default=None, validator=known(ZPNsIOSEnvironment)
    )
    ios_notification_arrived_config: ZPNsIOSNotificationArrivedConfig = attrs.field(
        factory=ZPNsIOSNotificationArrivedConfig
    )
    web_config: ZPNsWebConfig | None = None


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZPNsNotificationChannel:
    """
    A notification channel of Android 8 and later.

    Attributes:
        channel_id: The channel's ID, not empty.

        channel_name: What users read in the settings.

        android_sound: Name of the sound file; empty means the system's.
    """

    channel_id: str = attrs.field(validator=text(least=1))
    channel_name: str = ""
    android_sound: str = ""


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZPNsLocalMessage:
    """
    A notification the app shows by itself.

    Attributes:
        title: Title.

        content: Body.

        payload: Opaque text for the app.

        channel_id: Channel on Android.

        ios_sound: Sound on iOS. ZPNs ``iOSSound``.

        android_sound: Sound on Android.
    """

    title: str = ""
    content: str = ""
    payload: str = ""
    channel_id: str = ""
    ios_sound: str = ""
    android_sound: str = ""


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZPNsMessage:
    """
    A push as the app sees it.

    Attributes:
        title: Title.

        content: Body.

        extras: Everything else that came along, JSON values by name; a copy, do not change
            it. ZPNs for the web calls it ``extra``.

        payload: The sender's opaque text; it is in ``extras`` too.

        push_source_type: Which vendor, or None if unknown; see
            :class:`~zpns.ZPNsPushSourceType` before relying on the number.
    """

    title: str = ""
    content: str = ""
    extras: Mapping[str, Any] = attrs.field(factory=dict, metadata={"also": ("extra",)})
    payload: str = ""
    push_source_type: ZPNsPushSourceType | None = None


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZPNsRegisterMessage:
    """
    What came of registering.

    Attributes:
        push_id: Stands for the device; valid only if *error_code* is 0.

        error_code: 0 is success; else ZPNs' or the vendor's number.

        error_message: What went wrong; the React Native package calls it ``msg``.

        push_source_type: Which vendor, or None if unknown.

        device_token: The vendor's token, shortened in ``repr``.
    """

    push_id: str = ""
    error_code: int = 0
    error_message: str = attrs.field(default="", metadata={"also": ("msg",)})
    push_source_type: ZPNsPushSourceType | None = None
    device_token: str = attrs.field(default="", repr=shorten, validator=hidden())
