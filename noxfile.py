"""What can be run here: `nox -s demo`, `tests`, `lint`, `typing`, `docs`, `bench`, `conformance`, `reach`."""

import os
import pathlib

import nox

nox.options.sessions = ["tests", "lint", "typing"]
nox.options.reuse_venv = "yes"

PROJECT = nox.project.load_toml("pyproject.toml")


def install(session: nox.Session, *groups: str) -> None:
    """Install asfini as a user gets it, from a wheel, with what some groups need."""
    session.install(".", *nox.project.dependency_groups(PROJECT, *groups))


@nox.session
def demo(session: nox.Session) -> None:
    """Run the main job: a machine with an activity, executed and awaited, and its history."""
    session.install(".")
    session.run("python", "examples/first_steps.py")


def environment(session: nox.Session, name: str, *wanted: str) -> str:
    """Make an environment that sessions share, and tell its interpreter."""
    folder = pathlib.Path(session.cache_dir, name).absolute()
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not python.exists():
        session.run("python", "-m", "venv", str(folder), external=True)
    session.run(str(python), "-m", "pip", "install", "--quiet", *wanted, external=True)
    return str(python)


def run_tested(session: nox.Session, *commands: list[str]) -> None:
    """Run Python with asfini as a user gets it, from a wheel, and with all that tests need."""
    groups = nox.project.dependency_groups(PROJECT, "tests"), nox.project.dependency_groups(PROJECT, "peers")
    python = environment(session, "tests", ".", *groups[0])
    variables = {
        "ASFINI_PEERS": environment(session, "peers", *groups[1]),
        "PATH": f"{pathlib.Path(python).parent}{os.pathsep}{os.environ['PATH']}",
    }
    for command in commands:
        session.run(python, *command, env=variables, external=True)


@nox.session(venv_backend="none")
def tests(session: nox.Session) -> None:
    """Run the tests; arguments after `--` are pytest's."""
    arguments = session.posargs or ["-n", "auto", "--maxprocesses", "4"]
    run_tested(session, ["-m", "pytest", *arguments])


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and format."""
    session.install(*nox.project.dependency_groups(PROJECT, "lint"))
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")


@nox.session
def typing(session: nox.Session) -> None:
    """Check types, with mypy, with mypy and pydantic's plugin, and with pyright."""
    install(session, "typing")
    session.run("mypy")
    session.run("mypy", "--config-file", "tests/typing/pydantic_plugin.ini")
    session.run("pyright")


@nox.session
def docs(session: nox.Session) -> None:
    """Make the documentation's pictures, and build it into `site/`."""
    install(session, "docs")
    session.run("python", "docs/pictures.py")
    session.run("mkdocs", "build", "--strict")


@nox.session(venv_backend="none")
def bench(session: nox.Session) -> None:
    """Run the benchmarks; `-- --check` fails where a figure misses even half its bar."""
    paths = [path for path in sorted(pathlib.Path("benchmarks").glob("*.py")) if path.stem != "measuring"]
    run_tested(session, *([str(path), *session.posargs] for path in paths))


@nox.session(venv_backend="none")
def conformance(session: nox.Session) -> None:
    """Compare the local service with executions recorded on AWS, where they are beside the project."""
    run_tested(session, ["tests/conformance/scoreboard.py", *session.posargs])


@nox.session
def reach(session: nox.Session) -> None:
    """Say which lines of the interpreter no random machine reaches, and fail where no reason is known."""
    install(session, "tests")
    session.install("coverage>=7.6")
    data, report = (f"{session.create_tmp()}/{name}" for name in ("coverage", "reach.json"))
    run = "python -m coverage run --source asfini -m pytest".split()
    session.run(*run, "tests/local/test_random_machines.py", env={"CI": "true", "COVERAGE_FILE": data})
    session.run(*"python -m coverage json -q -o".split(), report, env={"COVERAGE_FILE": data})
    session.run("python", "tests/reach.py", report)
