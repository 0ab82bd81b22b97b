"""Nothing is told falsely: what is known of values is held against values, and warnings against pydantic."""

import dataclasses
import enum
import json
import os
import re
import warnings
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, NewType, NotRequired, cast
from uuid import UUID

import pytest
from hypothesis import HealthCheck, assume, given, settings, strategies as st
from machines import Case, cases
from pydantic import (
    AnyUrl,
    BaseModel,
    ConfigDict,
    Field,
    Json,
    PastDate,
    PositiveInt,
    RootModel,
    SecretStr,
    SerializeAsAny,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    TypeAdapter,
    ValidationError,
    computed_field,
    conlist,
    create_model,
    field_serializer,
)
from runs import run
from typing_extensions import TypedDict

from asfini import _json
from asfini.asl import choice
from asfini.asl._flow import states
from asfini.asl._flow.fitting import misfit
from asfini.asl._flow.reading import parse_path, read, read_by_name, write
from asfini.asl._flow.rules import split
from asfini.asl._flow.schemas import given as given_by
from asfini.asl._flow.values import (
    ANY,
    NOTHING,
    List,
    Member,
    Object,
    Part,
    Scalar,
    Values,
    constant,
    join,
    scalar,
)
from asfini.asl._flow.walk import Arrival, Exits, Step, Walk
from asfini.asl._problem import Context
from asfini.local.rules import holds
from asfini.query.jsonata import JsonataError, compile_expression
from asfini.query.jsonpath import compile_path
from asfini.query.scope import QueryError, Scope

EXAMPLES = 500 if os.environ.get("CI") else 60
PROFILE = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def contains(values: Values, value: Any) -> bool:
    """Whether a JSON value is in a set."""
    return values.unknown or any(_is_in(part, value) for part in values.parts)


def _is_in(part: Part, value: Any) -> bool:
    if isinstance(part, List):
        return (
            isinstance(value, list)
            and len(value) >= len(part.first)
            and all(map(contains, part.first, value))
            and all(contains(part.rest or NOTHING, item) for item in value[len(part.first) :])
        )
    if isinstance(part, Object):
        return isinstance(value, dict) and all(
            contains(part.member(name).values, value[name])
            if name in value
            else not part.member(name).required
            for name in {**part.members, **value}
        )
    whole = Scalar(scalar(value).parts[0].kind, value) if not isinstance(value, (list, dict)) else None
    return whole is not None and whole.kind == part.kind and part.value in (..., value)


# JSON and sets that it is in

NAMES = st.sampled_from(["a", "b", "n", "kind"])
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.sampled_from([0.5, 1e20, "", "a", "b", "1", "true", "2030-01-01", "P1D", "12:00", "a" * 32]),
)
DOCUMENTS = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.fixed_dictionaries({}, optional={"a": inner, "b": inner, "n": SCALARS, "kind": SCALARS}),
        st.fixed_dictionaries({"a": inner}, optional={"b": inner, "n": SCALARS}),
    ),
    max_leaves=8,
)


@st.composite
def sets_with(draw: st.DrawFn, value: Any) -> Values:
    """A set of JSON values that a value is in."""
    way = draw(st.integers(0, 19))
    if way == 0:
        return ANY
    if way == 1:
        return join(
            draw(sets_with(value)), constant(draw(DOCUMENTS), "other", lambda each: scalar(each, "other"))
        )
    return Values((draw(_parts_with(value)),))


@st.composite
def _parts_with(draw: st.DrawFn, value: Any) -> Part:
    if isinstance(value, list):
        known = draw(st.integers(0, len(value)))
        first = tuple(draw(sets_with(item)) for item in value[:known])
        rest = join(*(draw(sets_with(item)) for item in value[known:])) if known < len(value) else None
        return List(first, draw(st.sampled_from([rest, ANY])), "giver")
    if isinstance(value, dict):
        members = {
            name: Member(draw(sets_with(item)), draw(st.booleans()))
            for name, item in value.items()
            if draw(st.integers(0, 4))
        }
        some = DOCUMENTS.flatmap(sets_with).map(lambda values: Member(values, required=False))
        lacking = draw(st.dictionaries(NAMES, some, max_size=1))
        others = [draw(sets_with(item)) for name, item in value.items() if name not in members]
        rest = join(*others) if others else None
        known_members = {name: each for name, each in lacking.items() if name not in value} | members
        return Object(known_members, draw(st.sampled_from([rest, ANY])), "giver")
    kind = scalar(value).parts[0].kind
    return Scalar(kind, value if draw(st.booleans()) else ..., "giver")


@st.composite
def documents_in_sets(draw: st.DrawFn) -> tuple[Any, Values]:
    document = draw(DOCUMENTS)
    return document, draw(sets_with(document))


@PROFILE
@given(documents_in_sets(), documents_in_sets())
def test_sets_that_are_joined_lack_nothing(one: tuple[Any, Values], other: tuple[Any, Values]) -> None:
    for document, values in (one, other):
        assert contains(values, document)
        assert contains(join(one[1], other[1]), document)


def test_many_sets_that_are_joined_become_one_that_lacks_nothing() -> None:
    documents = [*range(20), *({f"m{number}": number, "a": number} for number in range(20)), [1], ["a"]]
    joined = join(*(constant(document, "giver", scalar) for document in documents))
    assert len(joined.parts) == 3
    assert all(contains(joined, document) for document in documents)
    assert not contains(joined, "text")
    assert not contains(joined, {"m1": 1})


# Annotations


class Line(BaseModel):
    n: int
    kind: Literal["line"] = "line"


class Tagged(TypedDict):
    kind: str
    n: NotRequired[int]


@dataclasses.dataclass
class Pair:
    a: Any
    b: list[str] = dataclasses.field(default_factory=list)


PLAIN: dict[Any, st.SearchStrategy[Any]] = {
    int: st.integers(-5, 5),
    str: st.sampled_from(["", "a", "1", "true", "2030-01-01"]),
    bool: st.booleans(),
    float: st.floats(-5, 5),
    type(None): st.none(),
    Any: DOCUMENTS,
    Literal["a", 1, None]: st.sampled_from(["a", 1, None]),
    Line: st.builds(Line, n=st.integers(-5, 5)),
    Tagged: st.fixed_dictionaries({"kind": st.text(max_size=2)}, optional={"n": st.integers(-5, 5)}),
    Pair: st.builds(Pair, a=DOCUMENTS, b=st.lists(st.text(max_size=2), max_size=2)),
    Annotated[int, Field(gt=0)]: st.integers(1, 5),
    Annotated[str, Field(min_length=1)]: st.text("ab1", min_size=1, max_size=3),
    Annotated[int, Field(strict=True)]: st.integers(-5, 5),
}
CONFIGS = [
    ConfigDict(),
    ConfigDict(extra="forbid"),
    ConfigDict(extra="allow"),
    ConfigDict(populate_by_name=True),
    ConfigDict(coerce_numbers_to_str=True),
    ConfigDict(strict=True),
]
Typed = tuple[Any, st.SearchStrategy[Any]]


def _several(inner: st.SearchStrategy[Typed]) -> st.SearchStrategy[Typed]:
    return st.one_of(
        inner.map(lambda each: (list[each[0]], st.lists(each[1], max_size=3))),  # type: ignore[index]
        inner.map(lambda each: (tuple[each[0], ...], st.lists(each[1], max_size=3).map(tuple))),  # type: ignore
        st.tuples(inner, inner).map(
            lambda two: (tuple[two[0][0], two[1][0]], st.tuples(two[0][1], two[1][1]))
        ),
        inner.map(lambda each: (dict[str, each[0]], st.dictionaries(NAMES, each[1], max_size=3))),  # type: ignore
        inner.map(lambda each: (each[0] | None, st.none() | each[1])),
        st.tuples(inner, inner).map(lambda two: (two[0][0] | two[1][0], two[0][1] | two[1][1])),
        _models(inner),
    )


@st.composite
def _models(draw: st.DrawFn, inner: st.SearchStrategy[Typed]) -> Typed:
    """A model, and objects of it."""
    fields: dict[str, Any] = {}
    values: dict[str, Any] = {}
    for name in draw(st.lists(NAMES, max_size=3, unique=True)):
        annotation, some = draw(inner)
        options: dict[str, Any] = {}
        way = draw(st.integers(0, 5))
        if way == 0:
            options["default"] = draw(SCALARS)
        if way == 1:
            options["alias"] = f"{name}{name}"
        if way == 2:
            options["exclude"] = True
        fields[name] = (annotation, Field(**options))
        values[name] = some
    config: ConfigDict = draw(st.sampled_from(CONFIGS))
    model: Any = create_model("Model", __config__=config, **fields)
    return model, st.fixed_dictionaries(values).map(lambda given: model.model_construct(None, **given))


SMALL = st.recursive(st.sampled_from([*PLAIN.items()]), _several, max_leaves=4)
TYPES = SMALL | _models(SMALL)


def schema_of(annotation: Any) -> Any:
    return TypeAdapter(annotation).core_schema


def written(value: Any) -> str:
    """A value as JSON text; pydantic warns of defaults that are not what they should be."""
    with warnings.catch_warnings(action="ignore"):
        return _json.dumps(value)


class Colour(enum.Enum):
    RED = "red"
    ONE = 1


class Named(enum.StrEnum):
    RED = "red"


class Numbered(enum.IntEnum):
    ONE = 1


SAMPLES: dict[str, list[Any]] = {
    "null": [None],
    "boolean": [True, False],
    "number": [0, 1, -3, 7, 1.5, 86_400, 2**70],
    "text": [
        *("", "1", "a", "red", "true", "2020-01-01", "2030-01-01T00:00:00Z", "12:00", "P1D", "-1.50", "[]"),
        *("00000000-0000-0000-0000-000000000001", "https://example.com", "null", "a" * 100),
    ],
    "list": [[], [1], ["a"], [None, None]],
    "object": [{}, {"a": 1}, {"n": 1}, {"kind": "line", "n": "1"}],
}
STRICT_DATE = Annotated[date, Field(strict=True)]
LEAVES: list[Any] = [
    *(bool, int, float, complex, Decimal, str, bytes, type(None), UUID, AnyUrl, Path, SecretStr),
    *(date, time, datetime, timedelta, PositiveInt, StrictInt, StrictBool, StrictFloat, StrictStr, PastDate),
    *(Colour, Named, Numbered, Literal["red"], Literal[1], Literal[True], Literal[None, "a"], Json[Any]),
    *(list[Any], set[Any], frozenset[Any], deque[Any], tuple[Any, ...], tuple[Any, Any], dict[str, Any]),
    *(Sequence[Any], Iterable[Any], Mapping[str, Any], Line, Tagged, Pair, Any, object),
    *(
        Annotated[Decimal, Field(strict=True)],
        STRICT_DATE,
        conlist(int, min_length=1),
    ),
]


class Perm(enum.IntFlag):
    R = 1
    W = 2


class Place(NamedTuple):
    x: int
    y: str


class Numbers(RootModel[list[int]]):
    pass


class Odd(BaseModel):
    """Options that change how values are written."""

    model_config = ConfigDict(
        ser_json_timedelta="float", ser_json_bytes="hex", alias_generator=str.upper, populate_by_name=True
    )
    lasts: timedelta = timedelta(seconds=1)
    raw: bytes = b"a"
    at: datetime = datetime(2030, 1, 1, tzinfo=UTC)
    price: Decimal = Decimal("1.5")
    where: Place = Place(1, "a")
    colours: frozenset[Colour] = frozenset({Colour.RED})
    inner: Pair = Pair(1)
    line: SerializeAsAny[Line] = Line(n=1)

    @computed_field(alias="sum")
    def total(self) -> int:
        return 1

    @field_serializer("price")
    def write_price(self, price: Decimal) -> list[str]:
        return [str(price)]


WRITTEN: list[tuple[Any, Any]] = [
    (datetime, datetime(2030, 1, 1, tzinfo=UTC)),
    (date, date(2030, 1, 1)),
    (time, time(12)),
    (timedelta, timedelta(seconds=1)),
    (Decimal, Decimal("1.50")),
    (UUID, UUID(int=1)),
    (Path, Path("a/b")),
    (AnyUrl, AnyUrl("https://example.com")),
    (SecretStr, SecretStr("hidden")),
    (bytes, b"abc"),
    (Colour, Colour.ONE),
    (Named, Named.RED),
    (Numbered, Numbered.ONE),
    (Perm, Perm.R | Perm.W),
    (Literal[Colour.RED], Colour.RED),
    (set[int], {1, 2}),
    (frozenset[str], frozenset({"a"})),
    (deque[int], deque([1])),
    (Sequence[int], (1, 2)),
    (Iterable[int], [1]),
    (Mapping[str, int], {"a": 1}),
    (dict[int, str], {1: "a"}),
    (Place, Place(1, "a")),
    (tuple[int, *tuple[str, ...]], (1, "a", "b")),
    (Numbers, Numbers([1])),
    (Odd, Odd()),
    (list[Odd], [Odd(lasts=timedelta(1))]),
    (Json[Any], {"a": 1}),
    (object, {"a": 1}),
    (float, 1),
    (NewType("Cents", int), 1),
]


@pytest.mark.parametrize(("annotation", "value"), WRITTEN, ids=lambda each: str(each)[:30])
def test_values_of_all_types_are_in_what_these_give(annotation: Any, value: Any) -> None:
    assert contains(given_by(schema_of(annotation), "giver"), json.loads(written(value)))


UNTOLD: tuple[Any, ...] = (complex, AnyUrl, Iterable[Any], object, Any, STRICT_DATE)
"""Types that may take what they do not, as far as is known."""


@pytest.mark.parametrize("annotation", LEAVES, ids=str)
def test_types_take_what_pydantic_makes_them_of(annotation: Any) -> None:
    adapter, schema = TypeAdapter(annotation), schema_of(annotation)
    for kind, samples in SAMPLES.items():
        taken = [sample for sample in samples if is_taken(adapter, sample)]
        for sample in taken:
            assert misfit(constant(sample, "giver", scalar), schema) is None
        whole = {"list": List(rest=ANY), "object": Object({}, ANY)}.get(kind) or Scalar(cast("Any", kind))
        told = misfit(Values((whole,)), schema) is not None
        assert told is (not taken) or (annotation in UNTOLD and not taken), kind


def is_taken(adapter: TypeAdapter[Any], value: Any) -> bool:
    try:
        adapter.validate_json(json.dumps(value))
    except ValidationError:
        return False
    return True


@PROFILE
@given(TYPES, st.data())
def test_what_a_function_returns_is_in_what_its_annotation_gives(typed: Typed, data: st.DataObject) -> None:
    annotation, some = typed
    document = json.loads(written(data.draw(some)))
    assert contains(given_by(schema_of(annotation), "giver"), document)


@PROFILE
@given(TYPES, documents_in_sets())
def test_what_pydantic_takes_is_never_told_not_to_fit(typed: Typed, known: tuple[Any, Values]) -> None:
    document, values = known
    found = misfit(values, schema_of(typed[0]))
    if found is not None:
        with pytest.raises(ValidationError):
            TypeAdapter(typed[0]).validate_json(json.dumps(document))


@PROFILE
@given(TYPES, st.data())
def test_what_is_nearly_right_is_told_only_if_pydantic_refuses_it(typed: Typed, data: st.DataObject) -> None:
    annotation, some = typed
    document = _changed(json.loads(written(data.draw(some))), data)
    values = data.draw(sets_with(document))
    if misfit(values, schema_of(annotation)) is not None:
        with pytest.raises(ValidationError):
            TypeAdapter(annotation).validate_json(json.dumps(document))


@PROFILE
@given(TYPES, TYPES, st.data())
def test_where_a_type_does_not_fit_no_value_of_it_does(one: Typed, other: Typed, data: st.DataObject) -> None:
    assume(misfit(given_by(schema_of(one[0]), "giver"), schema_of(other[0])) is not None)
    for _ in range(3):
        text = written(data.draw(one[1]))
        with pytest.raises(ValidationError):
            TypeAdapter(other[0]).validate_json(text)


def _changed(document: Any, data: st.DataObject) -> Any:
    """A document in which one thing is another or missing, perhaps."""
    if isinstance(document, dict) and document and data.draw(st.booleans()):
        name = data.draw(st.sampled_from(sorted(document)))
        rest = {key: value for key, value in document.items() if key != name}
        return rest if data.draw(st.booleans()) else rest | {name: _changed(document[name], data)}
    if isinstance(document, list) and document and data.draw(st.booleans()):
        return [_changed(document[0], data), *document[1:]]
    return data.draw(DOCUMENTS) if data.draw(st.integers(0, 2)) else document


# Paths, expressions and rules

ROADS = "$ $.a $.b $.a.b $['n'] $.a[0] $[1] $.a[0].n $.kind $.b.n $.a.a $.a.n".split()


def roads_in(document: Any, so_far: str = "$") -> Iterator[str]:
    """The paths that lead somewhere in a document."""
    yield so_far
    if isinstance(document, dict):
        for name, item in document.items():
            yield from roads_in(item, f"{so_far}.{name}")
    elif isinstance(document, list):
        for index, item in enumerate(document):
            yield from roads_in(item, f"{so_far}[{index}]")


def paths_in(document: Any) -> st.SearchStrategy[str]:
    """Paths most of which lead somewhere."""
    return st.sampled_from([*roads_in(document), *roads_in(document), *roads_in(document), *ROADS])


def keys_of(path: str) -> tuple[str | int, ...]:
    parsed = parse_path(path)
    assert parsed is not None
    return parsed[1]


@PROFILE
@given(documents_in_sets(), st.data())
def test_what_a_path_gives_is_in_what_it_gives_of_a_set(
    known: tuple[Any, Values], data: st.DataObject
) -> None:
    document, values = known
    path = data.draw(paths_in(document))
    found = read(values, keys_of(path))
    try:
        real = compile_path(path).read(Scope(document))
    except QueryError:
        return
    assert contains(found, real)


@PROFILE
@given(documents_in_sets(), st.data())
def test_what_an_expression_gives_is_in_what_it_gives_of_a_set(
    known: tuple[Any, Values], data: st.DataObject
) -> None:
    document, values = known
    text = re.sub(r"\[.*?\]", "", data.draw(paths_in(document)))[1:]
    found = read_by_name(values, tuple(text.split(".")[1:]))
    try:
        bindings = {"states": {"input": document}}
        real = compile_expression(f"$states.input{text}").read(bindings, "Output")
    except JsonataError:
        return
    assert contains(found, real)


@PROFILE
@given(documents_in_sets(), documents_in_sets(), st.data())
def test_what_a_result_path_makes_is_in_what_it_makes_of_a_set(
    known: tuple[Any, Values], result: tuple[Any, Values], data: st.DataObject
) -> None:
    path = data.draw(paths_in(known[0]).map(lambda road: road + data.draw(st.sampled_from(["", ".new"]))))
    found = write(known[1], keys_of(path), result[1])
    try:
        real = compile_path(path).write(known[0], result[0])
    except QueryError:
        return
    assert contains(found, real)


TESTS = "IsNull IsPresent IsNumeric IsString IsBoolean IsTimestamp".split()
COMPARISONS: dict[str, st.SearchStrategy[Any]] = {
    "Numeric": st.integers(-3, 3),
    "String": st.sampled_from(["", "a", "b", "1", "*", "true"]),
    "Boolean": st.booleans(),
    "Timestamp": st.just("2030-01-01T00:00:00Z"),
}


@st.composite
def comparisons(draw: st.DrawFn, document: Any) -> dict[str, Any]:
    variable = draw(paths_in(document))
    if draw(st.booleans()):
        return {"Variable": variable, draw(st.sampled_from(TESTS)): draw(st.booleans())}
    kind = draw(st.sampled_from(sorted(COMPARISONS)))
    orders = ["Equals"] if kind == "Boolean" else ["Equals", "LessThan", "GreaterThanEquals"]
    order = draw(st.sampled_from(orders + ["Matches"] * (kind == "String")))
    if order != "Matches" and draw(st.integers(0, 4)) == 0:
        return {"Variable": variable, f"{kind}{order}Path": draw(paths_in(document))}
    return {"Variable": variable, f"{kind}{order}": draw(COMPARISONS[kind])}


def rules_of(document: Any) -> st.SearchStrategy[dict[str, Any]]:
    return st.recursive(
        comparisons(document),
        lambda inner: st.one_of(
            inner.map(lambda rule: {"Not": rule}),
            st.lists(inner, min_size=1, max_size=3).map(lambda rules: {"And": rules}),
            st.lists(inner, min_size=1, max_size=3).map(lambda rules: {"Or": rules}),
        ),
        max_leaves=4,
    )


@PROFILE
@given(documents_in_sets(), st.data())
def test_what_a_rule_lets_pass_is_in_what_it_may_let_pass(
    known: tuple[Any, Values], data: st.DataObject
) -> None:
    document, values = known
    rule = data.draw(rules_of(document))
    holding, failing = split(values, rule)
    try:
        found = holds(choice.read_rule(rule), Scope(document))
    except QueryError:
        return
    assert contains(holding if found else failing, document)


# Whole machines


def arrivals_in(case: Case) -> dict[str, Values]:
    """What may come to the states of a machine, by their names."""
    found: dict[str, Values] = defaultdict(lambda: NOTHING)

    def exits_of(walk: Walk, step: Step, arrivals: list[Arrival]) -> Exits:
        found[step.name] = join(found[step.name], *(arrival.values for arrival in arrivals))
        return states.exits_of(walk, step, arrivals)

    jsonata = case.definition.get("QueryLanguage") == "JSONata"
    walk = Walk(Context([], template=False), {}, exits_of, 100, jsonata=jsonata)
    walk.run(case.definition, constant(case.input, "input", scalar))
    return found


def inputs_in(case: Case) -> Iterator[tuple[str, Any]]:
    """What states really got when a machine was run."""
    for event in run(case).events:
        details = event.get("stateEnteredEventDetails")
        if details is not None:
            yield details["name"], json.loads(details["input"])


@pytest.mark.parametrize("kind", ["JSONPath", "JSONata", "both"])
def test_what_comes_to_a_state_is_in_what_may_come(kind: Any) -> None:
    some = cases("JSONPath", mixed=True) if kind == "both" else cases(kind)

    def holds_what_comes(case: Case) -> None:
        may_come = arrivals_in(case)
        for name, document in inputs_in(case):
            assert contains(may_come[name], document), name

    settings(PROFILE, max_examples=EXAMPLES // 5)(given(some)(holds_what_comes))()
