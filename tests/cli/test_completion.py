"""`asfini completion`: shells complete what the parser takes."""

import os
import pty
import re
import select
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from asfini import CLI

CASES = {
    "asfini wat": ["watch"],
    "asfini re": ["record", "redrive", "register", "report"],
    "asfini --reg": ["--region"],
    "asfini --app check com": ["completion"],
    "asfini --app=shop wor": ["worker"],
    "asfini check --form": ["--format"],
    "asfini check --format ": ["json", "sarif", "text"],
    "asfini check -f s": ["sarif"],
    "asfini check --format=js": ["json"],
    "asfini check --format=": ["json", "sarif", "text"],
    "asfini -v graph --format m": ["mermaid"],
    "asfini policy --for ": ["machine", "starter", "worker"],
    "asfini policy --account ": [],
    "asfini completion ": ["bash", "fish", "zsh"],
    "asfini explain --no": ["--no-children"],
    "asfini report arn --output ": [],
    "asfini no-command --": [],
}
"""What is typed, and what it may become; where that is nothing, bash gives names of files."""


@pytest.fixture
def bash() -> str:
    found = shutil.which("bash")
    if found is None:
        pytest.skip("there is no bash here")
    return found


def script(asfini: Any, shell: str) -> str:
    status, out, err = asfini("completion", shell)
    assert (status, err) == (0, "")
    return str(out)


def words_of(line: str) -> list[str]:
    """A line's words as bash takes it apart: `=` is one."""
    words = re.findall(r"=|[^\s=]+", line)
    return words if words[-1] == "=" or not line.endswith(" ") else [*words, ""]


def test_bash_completes_commands_options_and_values(bash: str, asfini: Any) -> None:
    asking = "COMPREPLY=(); _asfini; echo $(printf '%s\\n' ${COMPREPLY[@]} | sort)"
    lines = [
        f"COMP_WORDS=({' '.join(map(repr, words))}); COMP_CWORD={len(words) - 1}; {asking}"
        for words in map(words_of, CASES)
    ]
    done = subprocess.run(
        [bash, "--norc"],
        input="\n".join([script(asfini, "bash"), *lines]),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env={**os.environ, "LC_ALL": "C"},
    )
    assert done.stderr == ""
    found = dict(zip(CASES, map(str.split, done.stdout.splitlines()), strict=True))
    assert found == CASES


def test_bash_completes_at_the_press_of_a_key(bash: str, asfini: Any, tmp_path: Path) -> None:
    rc = tmp_path / "rc"
    rc.write_text(f'PS1=ready; asfini() {{ echo "took <$*>"; }}\n{script(asfini, "bash")}', encoding="utf-8")
    (tmp_path / "a_definition.json").write_text("{}", encoding="utf-8")
    process, terminal = pty.fork()
    if process == 0:
        os.chdir(tmp_path)
        os.execve(bash, [bash, "--noprofile", "--rcfile", str(rc), "-i"], {**os.environ, "TERM": "dumb"})
    try:
        read_until(terminal, "ready")
        os.write(terminal, b"asfini gra\ta_def\t--form\tm\t\r")
        assert "took <graph a_definition.json --format mermaid>" in read_until(terminal, "took <.*>")
        os.write(terminal, b"exit\r")
    finally:
        os.waitpid(process, 0)
        os.close(terminal)


def read_until(terminal: int, pattern: str) -> str:
    seen = ""
    while re.search(pattern, seen) is None:
        ready, _, _ = select.select([terminal], [], [], 30)
        assert ready, f"nothing more came than {seen!r}"
        seen += os.read(terminal, 4096).decode(errors="replace")
    return seen


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_read_their_scripts(shell: str, asfini: Any, tmp_path: Path) -> None:
    found = shutil.which(shell)
    if found is None:
        pytest.skip(f"there is no {shell} here")
    file = tmp_path / "script"
    file.write_text(script(asfini, shell), encoding="utf-8")
    subprocess.run([found, "-n", str(file)], capture_output=True, timeout=60, check=True)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_command_and_option_is_in_every_script(shell: str, asfini: Any) -> None:
    text = script(asfini, shell)
    for command in ("register", "watch", "run", "check", "policy", "local", "completion"):
        assert command in text
        options = set(
            re.findall(r"(?<![\w-])--([a-z][a-z-]+)", asfini(command, "--help").out.partition("examples:")[0])
        )
        assert [option for option in options if option not in text] == []


def test_a_program_of_ones_own_completes_under_its_name(
    bash: str, capsys: pytest.CaptureFixture[str]
) -> None:
    CLI("shop", prog="shop.py").parse_args(["completion", "bash"])
    text = capsys.readouterr().out
    assert "complete -o bashdefault -o default -F _shop_py shop.py\n" in text
    assert "--app" not in text
    subprocess.run([bash, "-n"], input=text, text=True, check=True, timeout=60)


def test_another_shell_is_refused(asfini: Any) -> None:
    status, _, err = asfini("completion", "tcsh")
    assert status == 2
    assert "argument SHELL: invalid choice: 'tcsh'" in err
