"""The rules by their ids: the codes of all problems that can be found in definitions and templates."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Rule:
    """What a code stands for."""

    code: str
    """AWS's code where it has one."""
    severity: Literal["ERROR", "WARNING"]
    title: str
    explanation: str
    """What is wrong, and what to do."""


def _rules(severity: Literal["ERROR", "WARNING"], rows: tuple[tuple[str, str, str], ...]) -> dict[str, Rule]:
    return {code: Rule(code, severity, title, text) for code, title, text in rows}


_ERRORS = _rules(
    "ERROR",
    (
        (
            "DEFINITION_NOT_FOUND",
            "The file of a definition is missing",
            "A template's `DefinitionUri` names a file that is not there. Paths are relative to the "
            "template.",
        ),
        (
            "DUPLICATE_LABEL_NAME",
            "Two distributed maps have one label",
            "A `Label` is part of the ARNs of map runs, so that each is given once in a machine.",
        ),
        (
            "DUPLICATE_STATE_NAME",
            "Two states have one name",
            "A name is given once in an object of states, and not again in the branches and processors "
            "inside "
            "of it; elsewhere in a machine it is a warning, for histories tell states by their names.",
        ),
        (
            "INVALID_JSONATA_EXPRESSION",
            "JSONata that cannot be evaluated",
            "What stands in `{% … %}` is not JSONata, or uses what Step Functions does not have.",
        ),
        (
            "INVALID_JSON_DESCRIPTION",
            "Not JSON",
            "The definition is not JSON, so that nothing else could be looked at. A placeholder may stand "
            "without quotes, where a number is to be.",
        ),
        (
            "INVALID_LABEL_NAME",
            "A label that AWS does not take",
            "A `Label` has at most 40 characters, and no blanks, wildcards, brackets or special ones.",
        ),
        (
            "INVALID_STATE_NAME",
            "A name that AWS does not take",
            "A state's name has 1 to 80 characters.",
        ),
        (
            "MISSING_END_STATE",
            "Nothing ends the execution",
            "Each machine, branch and processor needs a state with `End`, or of type `Succeed` or `Fail`.",
        ),
        (
            "MISSING_TRANSITION_TARGET",
            "A transition leads nowhere, or nothing leads to a state",
            "`StartAt`, `Next` or `Default` names a state that is not there (branches and processors "
            "cannot be "
            "left or entered), or nothing names the state, as AWS demands.",
        ),
        (
            "SCHEMA_VALIDATION_FAILED",
            "A rule of the States Language is broken",
            "A field is missing, not allowed there or of the wrong kind. The message says which, in "
            "AWS's words "
            "where they are known.",
        ),
        (
            "TOO_DEEPLY_NESTED",
            "Too deeply nested",
            "Branches and processors are nested more deeply than can be looked at.",
        ),
        (
            "UNREADABLE",
            "The file cannot be read",
            "It mentions a state machine, but is not text in UTF-8, not JSON or not YAML.",
        ),
        (
            "UNSUPPORTED_JSONATA_EXPRESSION",
            "JSONata that Step Functions does not take",
            "An expression uses a name or a function of JSONata's that Step Functions does not have: "
            "`$`, `$$`, "
            "names without `$` at the top, `$eval`. The input is `$states.input`.",
        ),
    ),
)
_WARNINGS = _rules(
    "WARNING",
    (
        (
            "MISSING_HEARTBEAT",
            "A task that may wait for a year",
            "A task with `.waitForTaskToken` has neither a heartbeat nor a time-out: set "
            "`HeartbeatSeconds` or "
            "`TimeoutSeconds`.",
        ),
        (
            "MISSING_SUBSTITUTION",
            "A placeholder that nothing fills",
            "The definition has `${name}`, but the template's `DefinitionSubstitutions` has no such name, so "
            "that the text stays as it is.",
        ),
        (
            "MISSING_TASK_TOKEN",
            "A task that nobody can complete",
            "A task with `.waitForTaskToken` passes its token to nobody: give it `$$.Task.Token`, or "
            "`$states.context.Task.Token` in JSONata.",
        ),
        (
            "NO_DOLLAR",
            "A path that is taken for text",
            "A value looks like a path or an intrinsic function, but its field's name does not end in `.$`.",
        ),
        (
            "NO_PATH",
            "A path that is taken for text",
            "A value looks like a path, but the field that takes paths has another name, such as "
            "`StringEqualsPath` or `CausePath`.",
        ),
        (
            "PASS_RESULT_IS_STATIC",
            "A result that is not evaluated",
            "The `Result` of a Pass state is passed on as it stands. Paths are evaluated in `Parameters`.",
        ),
        (
            "UNDEFINED_VARIABLE",
            "A variable that nothing sets",
            "No `Assign` that can be seen from the state sets the variable.",
        ),
        (
            "UNFIT_INPUT",
            "An activity that cannot take its input",
            "What flows to a Task, by the annotations of the activities before it and by the data in the "
            "definition, cannot be made what its own activity's annotations ask for: a member is missing, or "
            "of another type. The message names the state that gives it, the way, and the activity. Only "
            "machines made in Python are looked at: JSON knows no annotations.",
        ),
        (
            "UNKNOWN_ERROR_NAME",
            "An error that does not exist",
            "`ErrorEquals` names an error that begins with `States.`, but Step Functions has none of "
            "this name.",
        ),
        (
            "UNREACHABLE_STATE",
            "A state that is never entered",
            "Only states lead to it that are never entered themselves.",
        ),
        (
            "UNUSED_SUBSTITUTION",
            "A substitution for nothing",
            "`DefinitionSubstitutions` has a name that the definition does not use.",
        ),
    ),
)
RULES: dict[str, Rule] = _ERRORS | _WARNINGS
"""All rules by code. Codes stay what they are: programs and ignore comments rely on them."""

_INTRODUCTION = """\
# Rules

What `asfini check` and `asfini.problems` find, by code, which is AWS's where it has one. Errors are what AWS
refuses. Warnings are what AWS takes, but is likely to be a mistake. [Checking](checking.md) tells how to
leave rules out.
"""


def page() -> str:
    """Write the page that explains all rules."""
    parts = [_INTRODUCTION]
    for heading, rules in (("Errors", _ERRORS), ("Warnings", _WARNINGS)):
        parts.append(f"## {heading}\n")
        parts += [f"### {rule.code}\n\n**{rule.title}.** {rule.explanation}\n" for rule in rules.values()]
    return "\n".join(parts)
