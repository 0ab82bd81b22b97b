"""What the package lists by hand, compared with the service model that botocore ships."""

import importlib
import json
from typing import Any

import botocore.loaders
import pytest

from asfini import _checks, errors, history

MODEL = botocore.loaders.Loader().load_service_model("stepfunctions", "service-2")
SHAPES: dict[str, dict[str, Any]] = MODEL["shapes"]
EVENT_MEMBERS: dict[str, dict[str, str]] = SHAPES["HistoryEvent"]["members"]
EVENT_TYPES: list[str] = SHAPES["HistoryEventType"]["enum"]
CODES = sorted(name for name, shape in SHAPES.items() if shape.get("exception"))


def details_key(event_type: str) -> str:
    """The member of HistoryEvent that holds a type's details, if the type has any."""
    for ending in ("StateEntered", "StateExited"):
        if event_type.endswith(ending):
            event_type = ending
    return f"{event_type[0].lower()}{event_type[1:]}EventDetails"


def example(shape: str) -> Any:
    """Something that is of a shape: every member is there, and data is JSON text."""
    described = SHAPES[shape]
    match described["type"]:
        case "structure":
            return {name: example(member["shape"]) for name, member in described["members"].items()}
        case "map":
            return {"key": example(described["value"]["shape"])}
        case "string":
            return json.dumps(shape)
        case "boolean":
            return False
        case number:
            assert number in {"integer", "long"}
            return 3


def details(event_type: str) -> tuple[str, dict[str, Any]]:
    """The details that an event of a type can have."""
    key = details_key(event_type)
    return key, example(EVENT_MEMBERS[key]["shape"]) if key in EVENT_MEMBERS else {}


class TestHistory:
    def test_the_types_of_events_are_the_models(self) -> None:
        assert sorted(history.EVENT_CLASSES) == sorted(EVENT_TYPES)

    def test_all_details_belong_to_a_type(self) -> None:
        common = {"timestamp", "type", "id", "previousEventId"}
        assert EVENT_MEMBERS.keys() - common <= {details_key(event_type) for event_type in EVENT_TYPES}

    @pytest.mark.parametrize("event_type", EVENT_TYPES)
    def test_every_member_of_an_events_details_has_a_field(self, event_type: str) -> None:
        key, given = details(event_type)
        event = history.parse_event({"type": event_type, "id": 1, key: given})
        assert type(event) is history.EVENT_CLASSES[event_type]
        assert event.details == {}
        members = {name for name in given if f"{name}Details" in given or not name.endswith("Details")}
        read = event.to_dict().keys() - {"timestamp", "type", "id", "previous_event_id"}
        assert {name.replace("_", "").lower() for name in read} == {name.lower() for name in members}

    @pytest.mark.parametrize("event_type", EVENT_TYPES)
    def test_no_class_has_a_field_that_the_model_does_not_know(self, event_type: str) -> None:
        # Two classes serve types of which only some name the service that was called.
        optional = {"resource_type", "resource"}
        known = {name.lower() for name in details(event_type)[1]}
        fields = set(history.EVENT_CLASSES[event_type].__dataclass_fields__)
        own = fields - set(history.DataEvent.__dataclass_fields__)
        if issubclass(history.EVENT_CLASSES[event_type], (history.ObjectSucceeded, history.Failed)):
            own -= optional
        assert {name.replace("_", "") for name in own} <= known


class TestErrors:
    @pytest.mark.parametrize("code", CODES)
    def test_every_error_of_the_model_has_a_class_of_its_name(self, code: str) -> None:
        error = errors.service_error(code, "no")
        assert type(error).__name__ == code
        assert error.code == code
        assert type(error) is getattr(errors, code)

    def test_the_other_service_errors_are_those_that_group_or_that_all_services_share(self) -> None:
        found, open_ = set(), [errors.ServiceError]
        while open_:
            children = [each for each in open_.pop().__subclasses__() if each.__module__ == errors.__name__]
            found |= {each.__name__ for each in children}
            open_ += children
        groups = {"AlreadyExists", "DoesNotExist", "InvalidRequest", "KmsError", "LimitExceeded"}
        shared = {"AccessDenied", "ConnectionFailed", "CredentialsInvalid", "Throttled"}
        assert found - set(CODES) == groups | shared


class TestLimits:
    @pytest.mark.parametrize(
        ("module", "name", "shape"),
        [
            ("asfini._json", "MAX_PAYLOAD_BYTES", "SensitiveData"),
            ("asfini._arns", "MAX_NAME_LENGTH", "Name"),
            ("asfini._arns", "MAX_NAME_LENGTH", "StateName"),
            ("asfini._reports", "MAX_ERROR_LENGTH", "SensitiveError"),
            ("asfini._reports", "MAX_CAUSE_LENGTH", "SensitiveCause"),
            ("asfini.execution", "EVENTS_PER_PAGE", "PageSize"),
            ("asfini.asl._source", "MAX_BYTES", "Definition"),
        ],
    )
    def test_a_limit_is_the_models(self, module: str, name: str, shape: str) -> None:
        assert getattr(importlib.import_module(module), name) == SHAPES[shape]["max"]

    def test_executions_are_listed_by_the_models_statuses_but_for_pending_redrives(self) -> None:
        assert {*_checks.STATUSES, "PENDING_REDRIVE"} == {*SHAPES["ExecutionStatus"]["enum"]}
