"""The options of machines and activities: logs, traces, encryption. They are checked and told, no more."""

import copy
from collections.abc import Mapping
from typing import Any

from asfini import errors

_NO_LOGS = {"level": "OFF", "includeExecutionData": False}
_OWNED_KEY = "AWS_OWNED_KEY"
_FOR_KEYS = ("kmsKeyId", "kmsDataKeyReusePeriodSeconds")


def configuration(
    there: Mapping[str, Any],
    logging: Mapping[str, Any] | None,
    tracing: Mapping[str, Any] | None,
    encryption: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """What is told of a machine's options: what is given, what was there, or AWS's defaults.

    Raises:
        InvalidEncryptionConfiguration: AWS would not take the one given.
        InvalidLoggingConfiguration: the same.
        InvalidTracingConfiguration: the same.
    """
    given = {
        "loggingConfiguration": None if logging is None else _checked_logging(logging),
        "tracingConfiguration": None if tracing is None else _checked_tracing(tracing),
        "encryptionConfiguration": None if encryption is None else checked_encryption(encryption),
    }
    told = {
        name: there.get(name, default) if given[name] is None else given[name]
        for name, default in _DEFAULTS.items()
    }
    return copy.deepcopy(told)  # whoever gave it may change it


def checked_encryption(given: Mapping[str, Any] | None) -> dict[str, Any]:
    """How data is said to be encrypted: as given, or as AWS does where nobody says.

    Raises:
        InvalidEncryptionConfiguration: there is a key too many, or none.
    """
    if given is None:
        return {"type": _OWNED_KEY}
    if given["type"] == _OWNED_KEY:
        if len(given) > 1:
            raise _bad_encryption(f"{', '.join(_FOR_KEYS)} are not for the type {_OWNED_KEY}")
    elif "kmsKeyId" not in given:
        raise _bad_encryption(f"kmsKeyId is needed for the type {given['type']}")
    return dict(given)


def _bad_encryption(reason: str) -> errors.InvalidEncryptionConfiguration:
    return errors.InvalidEncryptionConfiguration(f"Invalid Encryption Configuration: {reason}.")


def _checked_tracing(given: Mapping[str, Any]) -> dict[str, Any]:
    if "enabled" not in given:
        raise errors.InvalidTracingConfiguration(
            "Invalid Tracing Configuration: enabled must be set to true or false."
        )
    return dict(given)


def _checked_logging(given: Mapping[str, Any]) -> dict[str, Any]:
    told = {**_NO_LOGS, **given}
    destinations = told.get("destinations", [])
    if len(destinations) != 1 and (destinations or told["level"] != "OFF"):
        raise _bad_logging("Must specify exactly one Log Destination.")
    for destination in destinations:
        arn = destination.get("cloudWatchLogsLogGroup", {}).get("logGroupArn", "")
        if not arn.endswith(":*"):
            raise _bad_logging("Log Group ARN must be provided with '*' qualifier.")
    return told


def _bad_logging(reason: str) -> errors.InvalidLoggingConfiguration:
    return errors.InvalidLoggingConfiguration(f"Invalid Logging Configuration: {reason}")


_DEFAULTS: dict[str, Any] = {
    "loggingConfiguration": _NO_LOGS,
    "tracingConfiguration": {"enabled": False},
    "encryptionConfiguration": checked_encryption(None),
}
