"""Scripts by which shells complete what is typed: all that the parser takes, written down once.

They are static, so that a key press starts no Python. shtab, which writes such scripts for bash, zsh and
tcsh, knows no fish.
"""

import argparse
import re
from argparse import ArgumentParser
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

_OFTEN = (argparse._AppendAction, argparse._CountAction)
_FILES = frozenset({"A", "B", "DIR", "FILE", "FILE_OR_NAME", "PATH"})
"""How help calls what is completed with names of files."""


@dataclass(frozen=True)
class _Argument:
    """An option, or an argument without one."""

    options: tuple[str, ...]
    help: str
    takes_value: bool
    values: tuple[str, ...]
    """What it may be, where that is known."""
    files: bool
    often: bool
    """Whether it may be given several times."""


@dataclass(frozen=True)
class _Command:
    name: str
    help: str
    arguments: tuple[_Argument, ...]

    @property
    def options(self) -> list[_Argument]:
        return [argument for argument in self.arguments if argument.options]

    @property
    def values(self) -> str:
        """What an argument without an option may be."""
        return " ".join(value for each in self.arguments if not each.options for value in each.values)


def script(parser: ArgumentParser, commands: Mapping[str, tuple[str, ArgumentParser]], shell: str) -> str:
    """Write the script for a shell.

    Args:
        parser: the program's parser.
        commands: the help and the parser of each command.
        shell: one of `SHELLS`.
    """
    general = _Command("", "", tuple(_arguments(parser)))
    others = [_Command(name, text, tuple(_arguments(each))) for name, (text, each) in commands.items()]
    function = "_" + re.sub(r"\W", "_", parser.prog)
    return _SCRIPTS[shell](parser.prog, function, [general, *others])


def _arguments(parser: ArgumentParser) -> Iterator[_Argument]:
    for action in parser._actions:
        if not isinstance(action.choices, dict):
            text = (action.help or "") % {**vars(action), "prog": parser.prog}
            values = tuple(map(str, action.choices or ()))
            files = action.metavar in _FILES and not values
            often = action.nargs in ("*", "+") or isinstance(action, _OFTEN)
            yield _Argument(tuple(action.option_strings), text, action.nargs != 0, values, files, often)


def _quoted(text: str) -> str:
    """Text in single quotes, for any of the shells."""
    return "'" + text.replace("'", "'\\''") + "'"


# bash

_BASH = """\
{function}() {{
    local word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD - 1]}} command= words= i
    if [[ $before == '=' ]]; then before=${{COMP_WORDS[COMP_CWORD - 2]}}; fi
    if [[ $word == '=' ]]; then word=; fi
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${{COMP_WORDS[i]}} in
            {valued}) [[ ${{COMP_WORDS[i + 1]}} == '=' ]] && ((i++)); ((i++)) ;;
            -*) ;;
            *) command=${{COMP_WORDS[i]}}; break ;;
        esac
    done
    case "$command $before" in
{values}
    {free}) ;;
    *)
        case "$command $word" in
{options}
        ' '*) words={commands} ;;
{positional}
        esac ;;
    esac
    COMPREPLY=($(compgen -W "$words" -- "$word"))
}}
complete -o bashdefault -o default -F {function} {prog}
"""


def _bash(prog: str, function: str, commands: list[_Command]) -> str:
    options = [
        (_either(f"{each.name} {option}" for option in argument.options), argument.values)
        for each in commands
        for argument in each.options
        if argument.takes_value
    ]
    cases = [(names, " ".join(values)) for names, values in options if values]
    free = [names for names, values in options if not values]
    return _BASH.format(
        prog=prog,
        function=function,
        valued="|".join(name for each in commands[0].options if each.takes_value for name in each.options),
        values="\n".join(f"    {names}) words={_quoted(values)} ;;" for names, values in cases),
        free="|".join(free),
        options="\n".join(
            f"        {_quoted(f'{each.name} -')}*) words={_quoted(' '.join(_names(each)))} ;;"
            for each in commands
        ),
        commands=_quoted(" ".join(each.name for each in commands[1:])),
        positional="\n".join(
            f"        '{each.name} '*) words={_quoted(each.values)} ;;" for each in commands if each.values
        ),
    )


def _either(texts: Iterable[str]) -> str:
    return "|".join(map(_quoted, texts))


def _names(command: _Command) -> Iterator[str]:
    return (option for argument in command.options for option in argument.options)


# zsh

_ZSH = """\
#compdef {prog}
{function}() {{
    local context state line
    typeset -A opt_args
    _arguments -C {general} '1:command:->command' '*::argument:->arguments'
    case $state in
    command)
        local -a commands=({commands})
        _describe -t commands command commands ;;
    arguments)
        case $words[1] in
{arguments}
        esac ;;
    esac
}}
if [[ $funcstack[1] == {function} ]]; then {function} "$@"; else compdef {function} {prog}; fi
"""


def _zsh(prog: str, function: str, commands: list[_Command]) -> str:
    lines = [f"        {each.name}) _arguments {' '.join(_specs(each))} ;;" for each in commands[1:]]
    return _ZSH.format(
        prog=prog,
        function=function,
        general=" ".join(_specs(commands[0])),
        commands=" ".join(_quoted(f"{each.name}:{each.help}") for each in commands[1:]),
        arguments="\n".join(lines),
    )


def _specs(command: _Command) -> Iterator[str]:
    """What `_arguments` is told of a command's arguments."""
    for argument in command.arguments:
        values = f"({' '.join(argument.values)})" if argument.values else "_files" if argument.files else " "
        if not argument.options:
            yield _quoted(f"{'*' if argument.often else ''}:{_escaped(argument.help)}:{values}")
            continue
        also = "" if argument.often else f"({' '.join(argument.options)})"
        for option in argument.options:
            value = f":value:{values}" if argument.takes_value else ""
            yield _quoted(f"{also or '*'}{option}[{_escaped(argument.help)}]{value}")


def _escaped(text: str) -> str:
    return re.sub(r"([\[\]:\\])", r"\\\1", text)


# fish


def _fish(prog: str, function: str, commands: list[_Command]) -> str:
    names = " ".join(each.name for each in commands[1:])
    lines = [f"function {function}_first; not __fish_seen_subcommand_from {names}; end"]
    first = f"complete -c {prog} -n {function}_first"
    lines += [f"{first} -f -a {each.name} -d {_quoted(each.help)}" for each in commands[1:]]
    for command in commands:
        here = (
            f"complete -c {prog} -n '__fish_seen_subcommand_from {command.name}'" if command.name else first
        )
        lines += [f"{here} {_told(each)}" for each in command.options]
        if command.values:
            lines.append(f"{here} -f -a {_quoted(command.values)}")
    return "\n".join(lines) + "\n"


def _told(argument: _Argument) -> str:
    flags = [f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}" for name in argument.options]
    if argument.takes_value:
        known = f" -a {_quoted(' '.join(argument.values))}" if argument.values else ""
        flags.append("-r" if argument.files else f"-x{known}")
    return f"{' '.join(flags)} -d {_quoted(argument.help)}"


_SCRIPTS: dict[str, Callable[[str, str, list[_Command]], str]] = {"bash": _bash, "fish": _fish, "zsh": _zsh}
SHELLS = tuple(_SCRIPTS)
"""The shells for which there are scripts."""
