import asyncio
from typing import Any

import pytest
from aiobotocore.config import AioConfig

from asfini.aws import AWSSession, Credentials
from asfini.errors import ConnectionFailed, CredentialsInvalid, InvalidArgument


async def test_the_account_is_asked_for_once_however_many_ask_at_first(fake, session):
    answer = asyncio.Event()
    fake.will(fake.identity("210987654321", after=answer))
    asking = [asyncio.create_task(session.account_id()) for _ in range(20)]
    await fake.until(lambda: len(fake.requests) == 1)
    answer.set()
    assert await asyncio.gather(*asking) == ["210987654321"] * 20
    assert await session.account_id() == "210987654321"
    assert fake.operations == ["GetCallerIdentity"]


async def test_when_the_first_to_ask_gives_up_the_next_one_asks(fake, session):
    fake.will(fake.identity("1", after=asyncio.Event()), fake.identity("210987654321"))
    first, second = (asyncio.create_task(session.account_id()) for _ in range(2))
    await fake.until(lambda: len(fake.requests) == 1)
    first.cancel()
    assert await second == "210987654321"


async def test_a_refusal_is_not_remembered(fake, session):
    error = "<Error><Code>InvalidClientTokenId</Code><Message>no such key</Message></Error>"
    fake.will(fake.http(f"<ErrorResponse>{error}</ErrorResponse>", 403), fake.identity("210987654321"))
    with pytest.raises(CredentialsInvalid, match="get_caller_identity: InvalidClientTokenId: no such key"):
        await session.account_id()
    assert await session.account_id() == "210987654321"


async def test_an_answer_without_an_account_is_not_sensible(fake, session):
    fake.will(fake.http("<GetCallerIdentityResponse/>"))
    with pytest.raises(ConnectionFailed, match="gave no sensible answer"):
        await session.account_id()


async def test_an_account_that_is_given_is_not_asked_for(fake):
    session = AWSSession(region="eu-west-1", endpoint_url=fake.url, account_id="210987654321")
    assert (await session.account()).account_id == "210987654321"
    assert fake.requests == []


@pytest.mark.parametrize(
    ("region", "partition"),
    [
        ("eu-west-1", "aws"),
        ("ap-newest-9", "aws"),
        ("cn-northwest-1", "aws-cn"),
        ("us-gov-east-1", "aws-us-gov"),
        ("us-isob-east-1", "aws-iso-b"),
        ("local", "aws"),
    ],
)
async def test_the_partition_follows_from_the_region(boto, region, partition):
    account = await AWSSession(boto, region=region, account_id="210987654321").account()
    assert (account.partition, account.region) == (partition, region)


def test_the_region_is_looked_up_as_boto3_does(monkeypatch, tmp_path):
    (tmp_path / "config").write_text("[profile mine]\nregion = eu-north-1\n")
    assert AWSSession(profile="mine").region == "eu-north-1"
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-south-1")
    assert AWSSession().region == "eu-south-1"
    assert AWSSession(region="eu-west-3").region == "eu-west-3"


async def test_credentials_are_looked_up_as_boto3_does(tmp_path):
    assert await AWSSession().credentials() == Credentials("testing", "testing")
    (tmp_path / "credentials").write_text(
        "[mine]\naws_access_key_id = a\naws_secret_access_key = s\naws_session_token = t\n"
    )
    assert await AWSSession(profile="mine").credentials() == Credentials("a", "s", "t")


async def test_credentials_that_are_given_sign_the_requests(fake):
    session = AWSSession(
        region="eu-west-1", endpoint_url=fake.url, credentials=Credentials("mine", "secret", "token")
    )
    fake.will(fake.identity("210987654321"))
    await session.account_id()
    assert "Credential=mine/" in fake.requests[0].headers["authorization"]
    assert fake.requests[0].headers["x-amz-security-token"] == "token"
    assert await session.credentials() == Credentials("mine", "secret", "token")


async def test_settings_hold_for_all_services(fake, boto):
    config = AioConfig(user_agent_extra="shop/1", retries={"total_max_attempts": 1})
    session = AWSSession(boto, region="eu-west-1", endpoint_url=fake.url, config=config)
    fake.will(fake.http("<html/>", 503))
    with pytest.raises(ConnectionFailed, match="answered with status 503"):
        await session.account_id()
    assert [request.headers["user-agent"].split()[-1] for request in fake.requests] == ["shop/1"]


def test_secrets_are_not_shown():
    keys = Credentials("mine", "s3cret", "t0ken")
    shown = f"{keys} {AWSSession(region='eu-west-1', credentials=keys)!r}"
    assert "s3cret" not in shown
    assert "t0ken" not in shown


async def test_without_credentials_access_is_denied(monkeypatch):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    with pytest.raises(CredentialsInvalid):
        await AWSSession().credentials()


async def test_a_credential_process_that_fails_is_told(monkeypatch, tmp_path):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    (tmp_path / "config").write_text("[profile mine]\ncredential_process = false\n")
    with pytest.raises(CredentialsInvalid, match="custom-process"):
        await AWSSession(profile="mine").credentials()


def test_a_session_of_the_users_is_exposed_and_left_as_it_was(boto):
    assert AWSSession(boto, region="eu-west-1").session is boto
    assert boto.get_config_variable("region") is None


async def test_clients_of_other_services_go_to_the_same_endpoint_with_the_same_keys(moto_url):
    session = AWSSession(region="eu-west-1", endpoint_url=moto_url)
    async with session.client("sqs") as sqs:
        queue = await sqs.create_queue(QueueName="orders")
    assert queue["QueueUrl"].startswith(moto_url)


@pytest.mark.parametrize(
    ("endpoint_url", "host"),
    [
        ("https://vpce-1.states.eu-west-1.vpce.amazonaws.com", "https://sts."),
        ("http://emulator:4566", "http://emulator:4566"),
    ],
)
async def test_an_endpoint_of_aws_gets_the_requests_for_step_functions_only(boto, endpoint_url, host):
    async with AWSSession(boto, region="eu-west-1", endpoint_url=endpoint_url).client("sts") as sts:
        assert sts.meta.endpoint_url.startswith(host)


@pytest.mark.parametrize(
    "url", ["localhost:4566", "ftp://localhost", "http://", "http://[::1", "states.eu-west-1.amazonaws.com"]
)
def test_an_endpoint_must_be_a_url(url: Any):
    with pytest.raises(InvalidArgument, match="endpoint_url must be like"):
        AWSSession(endpoint_url=url)
