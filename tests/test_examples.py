"""The examples run offline, and produce the definitions that stand beside them."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"
COMMANDS = {
    "first_steps": ["first_steps.py"],
    "file_processing": ["file_processing.py"],
    "looping": ["looping.py"],
    "parallel": ["parallel.py"],
    "cli": ["cli.py", "--local", "start", "-", "--wait"],
    "error_handling": ["error_handling.py"],
    "web_backend": ["web_backend.py"],
    "worker_service": ["worker_service.py"],
    "test_order": ["-m", "pytest", "-q", "-p", "no:cacheprovider", "test_order.py"],
}
SAID = {
    "first_steps": "\nOutput: 45\n",
    "file_processing": "retina [",
    "looping": "12\n",
    "parallel": "'message': 'foo', 'until': '",
    "cli": "{'from': 'me'}\n",
    "error_handling": "  error: WorkerError\n",
    "web_backend": "402 {'detail': 'o-2: CardDeclined'}\n",
    "worker_service": "books-shelve: [3, 'Ishmael']",
    "test_order": "2 passed",
}
SECONDS = 60


def module(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def test_every_example_is_tried() -> None:
    assert {path.stem for path in EXAMPLES.glob("*.py")} == COMMANDS.keys() == SAID.keys()


@pytest.mark.parametrize("name", COMMANDS)
def test_an_example_runs_offline_by_one_command(name: str) -> None:
    if name == "file_processing":
        pytest.importorskip("skimage", reason="its photographs come with scikit-image")
    done = subprocess.run(
        [sys.executable, "-W", "error", *COMMANDS[name]],
        cwd=EXAMPLES,
        input='{"from": "me"}',
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert done.returncode == 0, done.stderr
    assert SAID[name] in done.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_an_example_produces_the_definition_beside_it(name: str) -> None:
    written = json.loads((EXAMPLES / f"{name}.asl.json").read_text(encoding="utf-8"))
    assert module(name).machine.to_dict() == written
