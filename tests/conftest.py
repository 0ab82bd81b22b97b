"""Signals that are heard, and moto's server, in a process of its own, for tests that call AWS over HTTP."""

import logging
import os
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from queue import Queue
from typing import Any

import pytest
from aiobotocore.session import AioSession
from botocore.loaders import create_loader


def pytest_configure() -> None:
    """Let SIGINT be heard, here and by the programs that tests start.

    Scripts start what runs in their background with SIGINT ignored, and tests would wait for ever.
    """
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """Let no test change how much the others log: the command line sets the root logger's level."""
    root = logging.getLogger()
    level = root.level
    yield
    root.setLevel(level)


@pytest.fixture
def nothing_configured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep the settings of whoever runs the tests out of them, and all requests on this machine."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")


def _post(url: str, body: bytes = b"") -> None:
    with urllib.request.urlopen(urllib.request.Request(url, body, method="POST"), timeout=30):
        pass


@pytest.fixture(scope="session")
def moto_server() -> Iterator[str]:
    """Moto's server, with its interpreter of state machines switched on."""
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    found: Queue[str] = Queue()

    def read() -> None:
        assert process.stderr is not None
        for line in process.stderr:  # to its end, or the server would stand still when the pipe is full
            if "Running on " in line:
                found.put(line.split("Running on ")[1].split()[0])

    reader = threading.Thread(target=read)
    reader.start()
    try:
        url = found.get(timeout=60)
        _post(f"{url}/moto-api/config", b'{"stepfunctions": {"execute_state_machine": true}}')
        yield url
    finally:
        process.terminate()
        process.wait()
        reader.join()
        assert process.stderr is not None
        process.stderr.close()


@pytest.fixture
def moto_url(moto_server: str) -> str:
    """Moto's server, with nothing in it."""
    _post(f"{moto_server}/moto-api/reset")
    return moto_server


@pytest.fixture(scope="session")
def data() -> Any:
    """botocore's data files, read once for all tests."""
    return create_loader()


@pytest.fixture
def boto(data: Any) -> AioSession:
    """An aiobotocore session of the user's."""
    boto = AioSession()
    boto.register_component("data_loader", data)
    return boto
