"""What random machines say in JSONPath and in JSONata: how they read, compare, select and assign.

Most of it suits the documents that machines begin with, so that most states succeed; some of it does not.
"""

from dataclasses import dataclass
from random import Random
from typing import Any

import phrases

TEXTS = ("ab", "", "a*b", "5", "2026-01-01T00:00:00Z", "2026-13-32T00:00:00Z", "é\\", "[1, 2]")
TIMES = ("2020-02-29T23:59:59Z", "2026-01-01T00:00:00.5+01:00", "2090-01-01T00:00:00Z")
ORDERS = ("Equals", "LessThan", "GreaterThan", "LessThanEquals", "GreaterThanEquals")
TESTS = ("IsNull", "IsPresent", "IsNumeric", "IsString", "IsBoolean", "IsTimestamp")
TOO_LATE = "2999-01-01T00:00:00Z"
ODD: tuple[Any, ...] = (
    None,
    [],
    {},
    "",
    2**63,
    -1.5,
    [[{}]],
    {"n": {"n": []}, "": 0},
    {"items": 1},
    ["\x00é"],
)
"""Inputs that little of what is said here can read."""


class Dice:
    """Chooses from what there is.

    Args:
        random: one of Hypothesis's, which can bring down what fails to what is simple. Its other ways to draw
            are slower, and would make most machines small changes of others.
    """

    def __init__(self, random: Random) -> None:
        self._random = random

    def number(self, least: int, most: int) -> int:
        """A whole number; what fails is brought down to the least."""
        return self._random.randint(least, most)

    def one(self, *options: Any) -> Any:
        """One of some options; what fails is brought down to the first."""
        return options[self.number(0, len(options) - 1)]

    def chance(self, percent: int) -> bool:
        """True so many times in a hundred; what fails is brought down to false."""
        return self._random.randint(0, 99) >= 100 - percent

    def mostly(self, usual: tuple[Any, ...], unusual: tuple[Any, ...]) -> Any:
        """One of some options, seldom one of others."""
        return self.one(*(unusual if self.chance(12) else usual))

    def some(self, percent: int, **fields: Any) -> dict[str, Any]:
        """All of some fields, or none."""
        return fields if self.chance(percent) else {}

    def document(self) -> Any:
        """An input that most of what is said here can read."""
        if self.chance(4):
            return self.one(*ODD)
        whole = {
            "n": self.mostly((0, 1, 2, 3, 4), (-1, 2.5)),
            "s": self.one(*TEXTS),
            "b": self.chance(50),
            "t": self.mostly(TIMES, TEXTS),
            "x": None,
            "items": self.one([1, 2], [], [{"p": 1}, 3, {"p": 1}, None], ["a", "b", "a"], [1.5]),
            "o": {"p": 1, "q": "ab", "deep": {"r": [1, 2]}},
        }
        if self.chance(5):
            del whole[self.one(*whole)]
        return whole


@dataclass(frozen=True)
class Place:
    """Where in a machine something is said."""

    jsonata: bool
    """Whether JSONata is the language of the whole machine."""
    mixed: bool
    """Whether some states are in JSONata all the same."""
    express: bool
    """Whether it is part of an EXPRESS machine, or of a distributed map's EXPRESS children."""
    depth: int = 0
    own: tuple[str, ...] = ()
    """The variables that are set here."""
    outer: tuple[str, ...] = ()
    """The variables of the definitions around it, which can be read only."""
    item: bool = False
    """Whether it is done for an item of a Map."""

    @property
    def variables(self) -> tuple[str, ...]:
        """All variables that can be read."""
        return self.own + self.outer


class JsonPath:
    """A state's fields in JSONPath."""

    jsonata = False
    parameters = "Parameters"
    _FOUND = ("$.n", "$.s", "$.b", "$.t", "$.items", "$.o", "$.o.p", "$.o.deep.r[0]", "$['s']", "$.x", "$")
    _MISSING = ("$.missing", "$.items[0].p", "$.s.p", "$.items[7]")
    _WIDE = ("$.items[*]", "$..p", "$.items[0:2]", "$.items[?(@ > 1)]", "$.items[?(@.p == 1)].p", "$.o.*")
    _CONTEXT = (
        "$$.Execution.Name",
        "$$.Execution.Input",
        "$$.Execution.StartTime",
        "$$.State.Name",
        "$$.State.EnteredTime",
        "$$.State.RetryCount",
        "$$.StateMachine.Name",
        "$$",
    )
    _ITEM = ("$$.Map.Item.Index", "$$.Map.Item.Value")
    _CALLS = (
        "States.Array($.n, 'a', null, 1.5)",
        "States.ArrayContains($.items, 1)",
        "States.ArrayGetItem($.items, 0)",
        "States.ArrayLength($.items)",
        "States.ArrayPartition($.items, 2)",
        "States.ArrayRange(0, $.n, 2)",
        "States.ArrayUnique($.items)",
        "States.Base64Decode('YWI=')",
        "States.Base64Encode($.s)",
        "States.Format('{} \\'of\\' {}', $.n, States.JsonToString($.o))",
        "States.Hash($.s, 'SHA-256')",
        "States.JsonMerge($.o, $.o, false)",
        "States.JsonToString($.items)",
        "States.MathAdd($.n, 1)",
        "States.MathRandom(0, 9)",
        "States.StringSplit('a-b', '-')",
        "States.StringToJson($.s)",
        "States.UUID()",
    )
    _TEXT_CALLS = ("States.Format('{}!', $.s)", "States.UUID()")

    def __init__(self, dice: Dice, place: Place) -> None:
        self.dice = dice
        self.place = place

    def _path(self) -> str:
        """A Reference Path into the input, the context object or a variable."""
        where = self.dice.number(0, 19)
        if where < 14:
            return self.dice.mostly(self._FOUND, self._MISSING)
        if where < 17 and self.place.variables:
            return f"${self.dice.one(*self.place.variables)}"
        return self.dice.one(*self._CONTEXT, *(self._ITEM if self.place.item else ()))

    def _value(self) -> str:
        way = self.dice.number(0, 9)
        if way < 5:
            return self._path()
        if self.dice.chance(5):
            return self.dice.one(*phrases.JSONPATH)
        return self.dice.one(*self._CALLS) if way < 8 else self.dice.one(*self._WIDE)

    def template(self) -> Any:
        """A payload template."""
        if self.dice.chance(50):
            kept = ("n", "s", "items", "o")
            return {f"{name}.$": f"$.{name}" for name in kept} | {"t": TIMES[0], "made.$": self._value()}
        nested = [{"q.$": self._value()}, 1, "$.s"]
        return self.dice.one({"made.$": self._value()}, {"n": 2, "nested": nested}, {"s": "ab", "items": [1]})

    def _selects(self) -> str | None:
        return self.dice.one("$", "$", "$.o", None, *self._WIDE, self._path())

    def given(self) -> dict[str, Any]:
        """What a state without a result reads and passes on."""
        return self.dice.some(8, InputPath=self._selects()) | self.dice.some(8, OutputPath=self._selects())

    def work(self) -> dict[str, Any]:
        """What a state's work gets."""
        return self.dice.some(8, InputPath=self._selects()) | self.dice.some(35, Parameters=self.template())

    def result(self) -> dict[str, Any]:
        """What becomes of a result."""
        selector = self.dice.one(
            {"r.$": "$"}, {"r.$": "$[0]"}, {"r": 1, "u.$": "States.UUID()"}, {"r.$": "$.n"}
        )
        return {
            **self.dice.some(15, ResultSelector=selector),
            **self.dice.some(85, ResultPath=self._target()),
            **self.dice.some(8, OutputPath=self._selects()),
        }

    def _target(self) -> str | None:
        if self.dice.chance(70):
            return "$.r"
        return self.dice.mostly(("$.o.r", "$['new'].way", None, "$"), ("$.items[0]", "$.items[1].p", "$.s.r"))

    def fixed(self) -> dict[str, Any]:
        """What a Pass makes of nothing."""
        if self.dice.chance(50):
            return self.work()
        return {"Result": self.dice.one({"n": 1, "s": "ab"}, [1, 2], "text", None, 7)}

    def assign(self, *, error: bool = False) -> dict[str, Any]:
        """Variables to set."""
        if not self.place.own:
            return {}
        name = self.dice.one(*self.place.own)
        read = "$.Error" if error else self._value()
        return {"Assign": self.dice.one({f"{name}.$": read}, {name: [1]}, {name: {"a.$": "$"}})}

    def caught(self) -> dict[str, Any]:
        """What becomes of an error."""
        return self.dice.some(90, ResultPath=self._target()) | self.dice.some(30, **self.assign(error=True))

    def items(self) -> dict[str, Any]:
        """What a Map does its work for."""
        paths = ("$.items", "$.o.deep.r", "$$.Execution.Input.items")
        return {"ItemsPath": self.dice.mostly(paths, ("$.n", "$.missing"))}

    def selected(self, *, legacy: bool) -> dict[str, Any]:
        """What an iteration gets in place of its item."""
        picked = {
            "s": "ab",
            "n.$": "$$.Map.Item.Index",
            "items.$": "$.items",
            "o.$": "$.o",
            "it.$": "$$.Map.Item.Value",
        }
        chosen = self.dice.mostly((picked,), ({"made.$": self._value()},))
        return self.dice.some(85, **{"Parameters" if legacy else "ItemSelector": chosen})

    def limit(self, name: str, least: int, most: int) -> dict[str, Any]:
        """A number, given or read."""
        if self.dice.chance(65):
            return {name: self.dice.number(least, most)}
        usual = ("$.o.p", "$.o.deep.r[1]") if least else ("$.n", "$.o.p")
        return {f"{name}Path": self.dice.mostly(usual, ("$.s", "$.o.q", "$.missing", "$", "$.n"))}

    def wait(self) -> dict[str, Any]:
        """How long a Wait lasts."""
        return self.dice.one(
            {"Seconds": self.dice.one(1, 0, 3600, 99_999_999)},
            {"SecondsPath": self.dice.mostly(("$.n", "$.o.p"), ("$.s", "$.missing", "$.items"))},
            {"Timestamp": self.dice.mostly(TIMES, (TOO_LATE,))},
            {"TimestampPath": self.dice.mostly(("$.t", "$$.Execution.StartTime"), ("$.n", "$.missing"))},
        )

    def failure(self) -> dict[str, Any]:
        """What a Fail says."""
        texts = ("$.s", "$$.State.Name", "$.n", "$.missing", *self._TEXT_CALLS)
        error = self.dice.one({}, {"Error": "Boom"}, {"ErrorPath": self.dice.one(*texts)})
        return error | self.dice.one({}, {"Cause": "why"}, {"CausePath": self.dice.one(*texts)})

    def rule(self) -> dict[str, Any]:
        """A rule of a Choice, but for where it leads."""
        return self._rule(2) | self.dice.some(20, **self.assign())

    def _rule(self, depth: int) -> dict[str, Any]:
        way = self.dice.number(0, 7) if depth else 0
        if way < 5:
            return self._comparison()
        if way == 5:
            return {"Not": self._rule(depth - 1)}
        return {("And", "Or")[way - 6]: [self._rule(depth - 1) for _ in range(self.dice.number(1, 2))]}

    def _comparison(self) -> dict[str, Any]:
        kind = self.dice.one("Numeric", "String", "Timestamp", "Boolean", "Is", "StringMatches")
        if kind == "Is":
            return {"Variable": self._path(), self.dice.one(*TESTS): self.dice.chance(50)}
        if kind == "StringMatches":
            return {"Variable": "$.s", kind: self.dice.one("a*", "*b", "a\\*b", "*\\\\", "x", "*-*Z*", "*2*")}
        variable, values = {
            "Numeric": ("$.n", (1, 0, 2.5)),
            "String": ("$.s", TEXTS),
            "Timestamp": ("$.t", TIMES),
            "Boolean": ("$.b", (True, False)),
        }[kind]
        operator = kind + ("Equals" if kind == "Boolean" else self.dice.one(*ORDERS))
        other = (
            {f"{operator}Path": self._path()} if self.dice.chance(30) else {operator: self.dice.one(*values)}
        )
        return {"Variable": self._path() if self.dice.chance(20) else variable, **other}

    def counted(self, name: str) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
        """A counter: set to nought, compared with two, increased by one."""
        increased = {f"{name}.$": f"States.MathAdd(${name}, 1)"}
        return {name: 0}, {"Variable": f"${name}", "NumericLessThan": 2}, increased

    def token(self) -> dict[str, Any]:
        """What a task gets that is completed by its token."""
        return {"Parameters": {"token.$": "$$.Task.Token", "made.$": self._value()}}

    def child(self) -> dict[str, Any]:
        """What a task gets that runs another machine."""
        arn = self.dice.mostly((CHILD,), (f"{CHILD}-of-nobody",))
        return {"Parameters": {"StateMachineArn": arn, "Input": {"n.$": self.dice.one("$.n", "$.s")}}}

    def batch(self) -> dict[str, Any]:
        """How a distributed Map groups its items."""
        size = self.dice.one(
            {"MaxItemsPerBatch": 2}, {"MaxItemsPerBatchPath": "$.o.p"}, {"MaxInputBytesPerBatch": 90}
        )
        return {"ItemBatcher": size | self.dice.some(50, BatchInput={"n": 1, "made.$": self._value()})}


CHILD = "arn:aws:states:us-east-1:123456789012:stateMachine:child"


class Jsonata:
    """A state's fields in JSONata."""

    jsonata = True
    parameters = "Arguments"
    _EXPRESSIONS = (
        "$states.input.n + 1",
        "$states.input.s",
        "$states.input.items",
        "$states.input.o.deep.r[0]",
        "$states.input",
        "$exists($states.input.missing)",
        "$states.context.Execution.Name",
        "$states.context.State.RetryCount",
        "$states.context.State.EnteredTime",
        "$states.context",
        "$count($states.input.items)",
        "[$map($states.input.items, function($item, $index) { $index })]",
        "$uppercase($states.input.s)",
        "$states.input.s & '!'",
        "$hash($states.input.s, 'SHA-256')",
        "$parse('{\"a\": [1, 2]}')",
        "$partition([1, 2, 3], 2)",
        "$range(0, 4, 2)",
        "$uuid()",
        "$random()",
        "$now()",
        "$millis()",
        "$string($states.input.o)",
        "($double := function($x) { $x * 2 }; $double(2.5))",
        "$states.input ~> |$|{'more': 1}|",
        "null",
    )
    _FAULTY = (
        "$states.input.missing",
        "$states.input.s - 1",
        "$error('no')",
        "function($x) { $x }",
        "$number('ab')",
        "$nothing()",
        "1/0",
        "($f := function($x) { $f($x + 1) + 1 }; $f(1))",
    )

    def __init__(self, dice: Dice, place: Place) -> None:
        self.dice = dice
        self.place = place

    def _expression(self, *more: str) -> str:
        if self.dice.chance(8):
            return f"{{% {self.dice.one(*self.dice.one(self._FAULTY, phrases.JSONATA))} %}}"
        variables = tuple(f"${name}" for name in self.place.variables)
        item = ("$states.context.Map.Item.Value", "$states.context.Map.Item.Index") if self.place.item else ()
        return f"{{% {self.dice.one(*self._EXPRESSIONS, *variables, *item, *more)} %}}"

    def template(self, *more: str) -> Any:
        """JSON with expressions."""
        if self.dice.chance(50):
            kept = ", ".join(f"'{name}': $states.input.{name}" for name in ("n", "s", "b", "items", "o"))
            return {"made": self._expression(*more), "kept": f"{{% {{{kept}}} %}}"}
        return self.dice.one(
            [self._expression(*more), 1, [" {% 1 %} "]], {"n": 2, "s": "ab"}, self._expression(*more)
        )

    def given(self) -> dict[str, Any]:
        """What a state without a result passes on."""
        return self.dice.some(12, Output=self.template())

    def work(self) -> dict[str, Any]:
        """What a state's work gets."""
        template = self.template()
        return self.dice.some(
            40, Arguments=template if isinstance(template, (dict, list)) else {"n": template}
        )

    def result(self) -> dict[str, Any]:
        """What becomes of a result."""
        merged = "{% $merge([$states.input, {'r': $states.result}]) %}"
        return self.dice.some(85, Output=merged if self.dice.chance(80) else self.template("$states.result"))

    def fixed(self) -> dict[str, Any]:
        """What a Pass makes of nothing."""
        return self.dice.some(
            50, Output=self.dice.one("{% $merge([$states.input, {'n': 3}]) %}", self.template())
        )

    def assign(self, *, error: bool = False) -> dict[str, Any]:
        """Variables to set."""
        if not self.place.own:
            return {}
        more = ("$states.errorOutput.Error",) if error else ()
        return {"Assign": {self.dice.one(*self.place.own): self.template(*more)}}

    def caught(self) -> dict[str, Any]:
        """What becomes of an error."""
        merged = "{% $merge([$states.input, {'r': $states.errorOutput}]) %}"
        return self.dice.some(70, Output=merged) | self.dice.some(30, **self.assign(error=True))

    def items(self) -> dict[str, Any]:
        """What a Map does its work for."""
        items = "{% $states.input.items %}", [1, "{% $states.input.n %}"], "{% [1..3] %}"
        return {"Items": self.dice.mostly(items, ("{% 5 %}", "{% $states.input %}", {"a": 1, "b": [2]}))}

    def selected(self, *, legacy: bool) -> dict[str, Any]:
        """What an iteration gets in place of its item."""
        item, index = "{% $states.context.Map.Item.Value %}", "{% $states.context.Map.Item.Index %}"
        picked = {"it": item, "n": index, "s": "ab", "b": True, "items": [1, 2], "o": {"p": 1}}
        return self.dice.some(85, ItemSelector=self.dice.mostly((picked,), ({"made": self._expression()},)))

    def limit(self, name: str, least: int, most: int) -> dict[str, Any]:
        """A number, given or computed."""
        if self.dice.chance(75):
            return {name: self.dice.number(least, most)}
        usual = (f"$states.input.n + {least}",)
        wrong = "$states.input.s", "$states.input.missing", "-1"
        return {name: f"{{% {self.dice.mostly(usual, wrong)} %}}"}

    def wait(self) -> dict[str, Any]:
        """How long a Wait lasts."""
        seconds = 1, 0, 3600, "{% $states.input.n %}", "{% 2 * 3 %}"
        times = *TIMES, "{% $states.input.t %}", "{% $now() %}", "{% $fromMillis($millis() + 5000) %}"
        return self.dice.one(
            {"Seconds": self.dice.mostly(seconds, ("{% $states.input.s %}", "{% -1 %}", "{% 1.5 %}"))},
            {"Timestamp": self.dice.mostly(times, ("{% 'soon' %}", "{% 7 %}"))},
        )

    def failure(self) -> dict[str, Any]:
        """What a Fail says."""
        texts = (
            "why",
            "{% $states.input.s %}",
            "{% $states.context.State.Name & '!' %}",
            "{% 1 %}",
            "{% null %}",
        )
        return self.dice.some(70, Error=self.dice.one(*texts)) | self.dice.some(
            70, Cause=self.dice.one(*texts)
        )

    def rule(self) -> dict[str, Any]:
        """A rule of a Choice, but for where it leads."""
        conditions = (
            "{% $states.input.n > 1 %}",
            "{% $states.input.b %}",
            "{% $exists($states.input.r) and $states.input.s != '' %}",
            "{% $states.input.missing = 1 %}",
            True,
        )
        wrong = "{% 'true' %}", "{% $states.input.missing %}", "{% $states.input.s > 1 %}"
        return {
            "Condition": self.dice.mostly(conditions, wrong),
            **self.dice.some(20, **self.assign()),
            **self.given(),
        }

    def counted(self, name: str) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
        """A counter: set to nought, compared with two, increased by one."""
        return {name: 0}, {"Condition": f"{{% ${name} < 2 %}}"}, {name: f"{{% ${name} + 1 %}}"}

    def token(self) -> dict[str, Any]:
        """What a task gets that is completed by its token."""
        return {"Arguments": {"token": "{% $states.context.Task.Token %}", "made": self._expression()}}

    def child(self) -> dict[str, Any]:
        """What a task gets that runs another machine."""
        arn = self.dice.mostly((CHILD,), (f"{CHILD}-of-nobody",))
        return {"Arguments": {"StateMachineArn": arn, "Input": {"n": "{% $states.input.n %}"}}}

    def batch(self) -> dict[str, Any]:
        """How a distributed Map groups its items."""
        sizes = {"MaxItemsPerBatch": "{% 1 + 1 %}"}, {"MaxInputBytesPerBatch": 90}
        more = self.dice.some(50, BatchInput={"n": 1, "made": self._expression()})
        return {"ItemBatcher": self.dice.mostly(sizes, ({"MaxItemsPerBatch": "{% 0 %}"},)) | more}
