"""Tags of machines and activities in this process: what AWS refuses."""

from typing import Any

import pytest

from asfini import Client
from asfini.errors import ResourceNotFound, TooManyTags, ValidationException

PREFIX = "arn:aws:states:us-east-1:123456789012:"
TEXT = '{"StartAt": "a", "States": {"a": {"Type": "Succeed"}}}'
ROLE = "arn:aws:iam::123456789012:role/a"


@pytest.fixture(params=["machine", "activity", "tag"])
def tag(request: pytest.FixtureRequest, local_client: Client) -> Any:
    """The three ways to tag something."""

    async def call(tags: list[dict[str, str]]) -> None:
        service = local_client.service
        if request.param == "machine":
            await service.call("create_state_machine", name="m", definition=TEXT, roleArn=ROLE, tags=tags)
        elif request.param == "activity":
            await service.call("create_activity", name="a", tags=tags)
        else:
            made = await service.call("create_activity", name="a")
            await service.call("tag_resource", resourceArn=made["activityArn"], tags=tags)

    return call


@pytest.mark.parametrize("text", ["a", "ä", "名前", "a b", "_.:/=+-@", "a" * 128, "AWS", "xaws:"])
async def test_letters_digits_blanks_and_some_signs_are_taken(tag: Any, text: str) -> None:
    await tag([{"key": text, "value": text}])


@pytest.mark.parametrize("part", ["key", "value"])
@pytest.mark.parametrize("text", ["a#b", "a,b", "a*", "<a>", "🙂"])
async def test_other_signs_are_refused(tag: Any, part: str, text: str) -> None:
    with pytest.raises(ValidationException, match=f"A tag's {part} has letters"):
        await tag([{"key": "fine", "value": "fine", part: text}])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"key": "", "value": "x"}, r"at 'tags\.1\.member\.key' .* length greater than or equal to 1"),
        ({"key": "a" * 129, "value": "x"}, r"at 'tags\.1\.member\.key' .* length less than or equal to 128"),
        ({"key": "a", "value": "x" * 257}, r"at 'tags\.1\.member\.value' .* less than or equal to 256"),
        ({"value": "x"}, r"Value null at 'tags\.1\.member\.key' .*: Member must not be null"),
    ],
)
async def test_keys_and_values_have_limits(tag: Any, given: dict[str, str], message: str) -> None:
    with pytest.raises(ValidationException, match=message):
        await tag([given])


@pytest.mark.parametrize("key", ["aws:x", "AWS:x", "aws:"])
async def test_awss_own_keys_are_refused(tag: Any, key: str) -> None:
    with pytest.raises(ValidationException, match=f"AWS's own: '{key}'"):
        await tag([{"key": key, "value": ""}])
    await tag([{"key": "a", "value": "aws:x"}])


async def test_fifty_tags_are_the_most(tag: Any) -> None:
    with pytest.raises(TooManyTags, match="at most 50 tags"):
        await tag([{"key": str(number)} for number in range(51)])


async def test_of_two_with_one_key_the_later_counts(local_client: Client) -> None:
    tags = [{"key": "a", "value": "1"}, {"key": "a", "value": "2"}]
    made = await local_client.service.call("create_activity", name="a", tags=tags)
    told = await local_client.service.call("list_tags_for_resource", resourceArn=made["activityArn"])
    assert told == {"tags": [{"key": "a", "value": "2"}]}


@pytest.mark.parametrize("qualifier", ["1", "live", "2"])
async def test_versions_and_aliases_have_no_tags(local_client: Client, qualifier: str) -> None:
    call = local_client.service.call
    made = await call("create_state_machine", name="m", definition=TEXT, roleArn=ROLE, publish=True)
    route = {"stateMachineVersionArn": made["stateMachineVersionArn"], "weight": 100}
    await call("create_state_machine_alias", name="live", routingConfiguration=[route])
    arn = f"{PREFIX}stateMachine:m:{qualifier}"
    for attempt in (
        call("tag_resource", resourceArn=arn, tags=[{"key": "a", "value": "b"}]),
        call("untag_resource", resourceArn=arn, tagKeys=["a"]),
        call("list_tags_for_resource", resourceArn=arn),
    ):
        with pytest.raises(ResourceNotFound) as caught:
            await attempt
        assert caught.value.message == f"Resource not found: '{arn}'"
