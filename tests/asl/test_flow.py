"""Warnings where an activity cannot take what flows to it, and where nothing is said."""

import copy
import dataclasses
import enum
import functools
import pickle
from collections.abc import Callable, Sequence
from datetime import date, datetime
from decimal import Decimal
from itertools import pairwise
from typing import Annotated, Any, Literal, NoReturn, NotRequired
from uuid import UUID

import pytest
from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, RootModel, model_serializer
from pydantic.functional_serializers import PlainSerializer
from typing_extensions import TypedDict

from asfini import (
    BooleanEquals,
    CallableActivity,
    Choice,
    Definition,
    Fail,
    IsNull,
    IsPresent,
    IsString,
    Map,
    NumericEquals,
    NumericGreaterThan,
    Parallel,
    Pass,
    SmartCallableActivity,
    State,
    StateMachine,
    StringEquals,
    Succeed,
    Task,
    Wait,
    construct_state_machine,
    current_task,
    problems,
)
from asfini.errors import InvalidArgument


class Order(BaseModel):
    id: str
    pence: int


class Receipt(BaseModel):
    order_id: str
    paid: int


class Parcel(BaseModel):
    order_id: str
    address: str


class Row(TypedDict):
    key: str
    note: NotRequired[str]


class Closed(TypedDict):
    __pydantic_config__ = ConfigDict(extra="forbid")  # type: ignore[misc]
    key: str


@dataclasses.dataclass
class Point:
    x: int
    y: int = 0


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


def activity(name: str, takes: Any = Any, gives: Any = Any) -> CallableActivity[Any, Any]:
    """An activity that is annotated so."""

    async def work(value: Any) -> Any:
        return value

    work.__annotations__ = {"value": takes, "return": gives}
    return CallableActivity(name.replace(" ", "-"), work)


def task(name: str, takes: Any = Any, gives: Any = Any, **fields: Any) -> Task:
    return Task(name, activity(f"do-{name}", takes, gives), **fields)


def chain(*states: Any) -> State:
    for state, following in pairwise(states):
        state >> following
    first: State = states[0]
    return first


def told(start: State, **options: Any) -> list[str]:
    machine = construct_state_machine("m", start, **options)
    return [problem.message for problem in problems(machine, warnings=True) if problem.code == "UNFIT_INPUT"]


def is_told(*states: Any, **options: Any) -> bool:
    return bool(told(chain(*states), **options))


JSONATA: dict[str, Any] = {"query_language": "JSONata"}


class TestMessages:
    def test_what_is_missing_is_named_with_who_gives_what_to_whom_and_the_way(self) -> None:
        start = chain(task("pay", Order, Receipt), Wait("cool off", 5), task("ship", Parcel))
        assert told(start) == [
            "Activity 'do-ship' needs 'address' (text), but 'pay' gives an object of 'order_id', 'paid': "
            "pay -> cool off -> ship"
        ]

    def test_it_is_a_warning_at_the_state_that_takes(self) -> None:
        machine = construct_state_machine("m", chain(task("pay", Order, Receipt), task("ship", Parcel)))
        found = problems(machine, warnings=True)
        assert [(each.code, each.severity, each.location) for each in found] == [
            ("UNFIT_INPUT", "WARNING", "/States/ship")
        ]
        assert problems(machine) == []

    def test_a_member_of_another_type_is_named_with_both_types(self) -> None:
        order = Pass("order", result={"id": 7, "pence": 100})
        assert told(chain(order, task("pay", Order))) == [
            "Activity 'do-pay' takes text as 'id', but 'order' gives 7: order -> pay"
        ]

    def test_a_place_within_lists_and_objects_is_told(self) -> None:
        class Basket(BaseModel):
            orders: list[Order]

        given = Pass("given", result={"orders": [{"id": "a", "pence": 1}, {"id": "b"}]})
        assert told(chain(given, task("pay", Basket))) == [
            "Activity 'do-pay' needs 'orders[1].pence' (a whole number), "
            "but 'given' gives an object of 'id': given -> pay"
        ]

    def test_an_input_that_is_wrong_as_a_whole_has_no_place(self) -> None:
        start = chain(task("log", Order, None), task("pay", Order))
        assert told(start) == ["Activity 'do-pay' takes Order, but 'log' gives null: log -> pay"]

    def test_a_member_that_is_not_allowed_is_named(self) -> None:
        class Strict(BaseModel):
            model_config = ConfigDict(extra="forbid")
            id: str

        start = chain(task("first", gives=Order), task("second", Strict))
        assert told(start) == [
            "Activity 'do-second' takes no 'pence', but 'first' gives a number: first -> second"
        ]

    def test_a_path_that_leads_nowhere_is_named(self) -> None:
        start = chain(
            task("pay", gives=Receipt), task("ship", Parcel, parameters={"address.$": "$.to.address"})
        )
        assert told(start) == [
            "Activity 'do-ship' is to get '$.to.address', but 'pay' gives an object of 'order_id', 'paid': "
            "pay -> ship"
        ]

    def test_the_states_own_fields_may_be_at_fault(self) -> None:
        start = task("ship", Parcel, parameters={"order_id": "o-1"})
        assert told(start) == [
            "Activity 'do-ship' needs 'address' (text), "
            "but the state's own fields give an object of 'order_id'"
        ]

    def test_what_a_branch_gives_is_told_with_the_way_out_of_it(self) -> None:
        both = Parallel("both")
        both.add(task("left", gives=int))
        both.add(Pass("right", result=1))
        start = chain(both, Wait("a while", 1), task("sum", tuple[str, int]))
        assert told(start) == [
            "Activity 'do-sum' takes text as '[0]', but 'left' gives a number: left -> both -> a while -> sum"
        ]

    def test_an_input_of_which_little_is_known_has_no_giver(self) -> None:
        start = chain(Pass("note", result=1, result_path="$.note"), task("sum", list[int]))
        assert told(start) == ["Activity 'do-sum' takes a list, but gets an object"]

    def test_the_same_fault_is_told_once_for_each_state_that_gives(self) -> None:
        either = Choice("either")
        for name in ("a", "b"):
            either.add(StringEquals("$.way", name), chain(task(name, gives=int), task(f"{name}2", gives=str)))
        either.set_default(task("c", gives=str))
        take = task("take", int, gives=int)
        for state in ("a2", "b2", "c"):
            found = next(each for each in Definition.starting_at(either).walk() if each.name == state)
            assert isinstance(found, Task)
            found >> Pass(f"none of {state}", result=None) >> take
        assert sorted(message.rpartition(": ")[2] for message in told(either)) == [
            "none of a2 -> take",
            "none of b2 -> take",
            "none of c -> take",
        ]


class Lenient(enum.Enum):
    RED = "red"

    @classmethod
    def _missing_(cls, value: object) -> "Lenient":
        return cls.RED


class Rights(enum.IntFlag):
    READ = 1
    WRITE = 2


class Aliased(BaseModel):
    order_id: str = Field(alias="orderId")


class Loose(BaseModel):
    model_config = ConfigDict(extra="allow")
    id: str


class Base(BaseModel):
    id: str


class Derived(Base):
    pence: int


class Tree(BaseModel):
    value: int
    children: "list[Tree]"


class Numbers(RootModel[list[int]]):
    pass


class Prepared(BaseModel):
    id: str

    @classmethod
    def __get_validators__(cls) -> Any:  # pragma: no cover - pydantic 1's, which must not be called
        raise AssertionError


class Written(BaseModel):
    id: str

    @model_serializer
    def write(self) -> Any:
        return self.id


class Coerced(BaseModel):
    model_config = ConfigDict(coerce_numbers_to_str=True)
    paid: str
    order_id: str


class Own(BaseModel):
    id: int

    def __init__(self, **data: Any) -> None:
        super().__init__(**{"id": 1} | data)


class TestAnnotations:
    @pytest.mark.parametrize(
        ("gives", "takes"),
        [
            (int, str),
            (bool, str),
            (None, int),
            (None, Order),
            (str, list[str]),
            (str, Order),
            (list[Order], Order),
            (Order, list[Order]),
            (Order, str),
            (Order, Receipt),
            (Order, Point),
            (Order, Row),
            (Closed, Order),
            (Point, Order),
            (Order | Receipt, Parcel),
            (Order | None, Receipt),
            (dict[str, list[int]], Order),
            (Literal["a"], Literal["b"]),
            (Literal["a"], int),
            (Literal["12"], Annotated[int, Field(gt=12)]),
            (Colour, Literal["green"]),
            (Literal["green"], Colour),
            (datetime, list[int]),
            (bool, date),
            (tuple[int, int], tuple[int, int, int]),
            (tuple[int, None], tuple[int, int]),
            (tuple[int, None], list[int]),
            (list[int], dict[str, int]),
            (Receipt, Aliased),
            (Order, dict[str, list[int]]),
            (Tree, list[Tree]),
            (Numbers, Order),
            (Order, Numbers),
            (Order, Annotated[str, Field(strict=True)]),
            (str, Annotated[int, Field(strict=True)]),
            (Order, UUID),
            (Order, Decimal),
            (Derived, Point),
        ],
    )
    def test_what_surely_does_not_fit_is_told(self, gives: Any, takes: Any) -> None:
        assert is_told(task("give", gives=gives), task("take", takes))

    @pytest.mark.parametrize(
        ("gives", "takes"),
        [
            (Order, Order),
            (Order, dict[str, Any]),
            (Order, Any),
            (Any, Order),
            (dict[str, Any], Order),
            (dict[str, int], Point),
            (str, int),
            (str, bool),
            (str, datetime),
            (str, Decimal),
            (str, UUID),
            (str, Colour),
            (int, bool),
            (bool, int),
            (int, float),
            (float, int),
            (float, Decimal),
            (int, datetime),
            (datetime, str),
            (datetime, date),
            (Decimal, float),
            (UUID, str),
            (Colour, str),
            (Order | None, Order | None),
            (None, Order | None),
            (list[int], Lenient),
            (Rights, Literal[3]),
            (Literal[3], Rights),
            (None, Lenient),
            (Colour, Colour),
            (Literal["a", "b"], Literal["b"]),
            (Literal["12"], int),
            (Order | None, Order),
            (Order | Receipt, Receipt),
            (Point, Point),
            (Row, Row),
            (Row, Order),
            (Row, dict[str, str]),
            (tuple[int, str], list[int | str]),
            (set[int], list[str]),
            (list[Any], tuple[int, int]),
            (list[int], tuple[str, ...]),
            (list[int], list[str]),
            (Sequence[Order], list[Receipt]),
            (Loose, Order),
            (Base, Derived),
            (Tree, Tree),
            (Numbers, list[int]),
            (list[int], Numbers),
            (Written, str),
            (Receipt, Coerced),
            (Receipt, Own),
            (Order, Annotated[int, BeforeValidator(lambda order: order["pence"])]),
            (Annotated[int, PlainSerializer(lambda number: [number])], list[int]),
            (object, Order),
            (NoReturn, Order),
            (bytes, str),
        ],
    )
    def test_nothing_is_told_where_something_may_fit(self, gives: Any, takes: Any) -> None:
        assert not is_told(task("give", gives=gives), task("take", takes))

    def test_any_name_that_a_member_may_be_read_from_will_do(self) -> None:
        class Either(BaseModel):
            model_config = ConfigDict(populate_by_name=True)
            identity: str = Field(alias="id")
            sum: int = Field(validation_alias=AliasChoices("total", "pence"))

        assert not is_told(task("give", gives=Order), task("take", Either))
        assert not is_told(Pass("give", result={"identity": "a", "total": 1}), task("take", Either))
        assert is_told(Pass("give", result={"name": "a", "total": 1}), task("take", Either))

    def test_members_are_named_as_they_are_written(self) -> None:
        assert not is_told(task("give", gives=Aliased), task("take", Aliased))
        assert is_told(task("give", gives=Aliased), task("take", Receipt))

    def test_what_is_left_out_is_missing(self) -> None:
        class Secret(BaseModel):
            id: str
            pence: int = Field(exclude=True)

        assert is_told(task("give", gives=Secret), task("take", Order))

    def test_a_member_that_may_be_missing_need_not_fit(self) -> None:
        class Noted(BaseModel):
            key: str
            note: list[str] = []

        class Strict(BaseModel):
            key: str
            note: list[str]

        assert not is_told(task("give", gives=Row), task("take", Noted))
        assert is_told(task("give", gives=Row), task("take", Strict))

    def test_a_default_of_another_type_counts(self) -> None:
        class Sloppy(BaseModel):
            id: str = Field(default=None)

        class Absent(BaseModel):
            id: None

        assert not is_told(task("give", gives=Sloppy), task("take", Absent))
        assert is_told(task("give", gives=Order), task("take", Absent))

    def test_what_only_models_leave_out_may_be_there(self) -> None:
        @dataclasses.dataclass
        class Kept:
            id: str
            pence: Annotated[int, Field(exclude=True)]

        assert not is_told(task("give", gives=Kept), task("take", Order))
        assert is_told(task("give", gives=Kept), task("take", Receipt))

    def test_a_default_stands_for_what_is_missing(self) -> None:
        class Patient(BaseModel):
            id: str
            note: str = ""
            tags: list[str] = Field(default_factory=list)

        assert not is_told(task("give", gives=Order), task("take", Patient))
        assert is_told(Pass("give", result={"id": "a", "note": None}), task("take", Patient))

    def test_arguments_by_name_are_members_of_the_input(self) -> None:
        def ship(order_id: str, address: str, note: str = "", **rest: int) -> None:
            """Never called."""

        taking = Task("ship", SmartCallableActivity("ship", ship))
        assert told(chain(task("pay", gives=Receipt), taking)) == [
            "Activity 'ship' needs 'address' (text), but 'pay' gives an object of 'order_id', 'paid': "
            "pay -> ship"
        ]
        taking = Task(
            "ship", SmartCallableActivity("ship", ship), parameters={"order_id": "a", "address": "b"}
        )
        assert told(taking) == []

    def test_a_function_without_parameters_takes_anything(self) -> None:
        def tick() -> int:
            return 1

        assert not is_told(task("give", gives=Order), Task("tick", CallableActivity("tick", tick)))

    def test_annotations_that_mean_nothing_here_are_left_to_the_worker(self) -> None:
        assert not is_told(task("give", gives="Nowhere"), task("take", "Nowhere"))
        with pytest.raises(InvalidArgument, match="Nowhere"):
            activity("take", "Nowhere").check()


def wrapped(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*args: Any) -> Any:
        return {"result": function(*args)}

    return wrapper


def leave_it() -> None:
    current_task().defer()


class TestFunctions:
    """A return annotation is taken at its word, unless something else may become of the task."""

    def test_a_task_that_is_left_to_others_may_give_anything(self) -> None:
        def directly(order: Order) -> None:
            current_task().defer()

        def by_another(order: Order) -> None:
            leave_it()

        async def within(order: Order) -> None:
            def inner() -> None:
                leave_it()

            inner()

        for function in (directly, by_another, within):
            assert not is_told(Task("ask", CallableActivity("ask", function)), task("pay", Order))

    def test_a_function_that_calls_others_is_taken_at_its_word(self) -> None:
        def log(order: Order) -> None:
            print(told)

        assert is_told(Task("log", CallableActivity("log", log)), task("pay", Order))

    def test_what_decorators_give_is_not_known(self) -> None:
        @wrapped
        def charge(order: Order) -> int:
            return order.pence

        assert not is_told(Task("charge", CallableActivity("charge", charge)), task("take", dict[str, int]))

    def test_methods_partials_and_objects_are_read_too(self) -> None:
        class Till:
            def charge(self, order: Order) -> int:
                return order.pence

            def __call__(self, order: Order) -> int:
                return order.pence

        def charge(till: str, order: Order) -> int:
            return order.pence

        for function in (Till().charge, Till(), functools.partial(charge, "left")):
            assert is_told(Task("charge", CallableActivity("charge", function)), task("take", Order))

    def test_a_class_gives_itself(self) -> None:
        class Made:
            def __init__(self, order: Order) -> None:
                """Never called."""

        assert not is_told(Task("make", CallableActivity("make", Made)), task("take", Order))


class Deployed(CallableActivity[Any, Any]):
    """An activity in one account."""

    arn = "arn:aws:states:eu-west-1:123456789012:activity:pay"


RECEIPT = {"order_id": "a", "paid": 1}


class TestPaths:
    """JSONPath: whatever a state does with its data."""

    @pytest.mark.parametrize(
        ("fields", "fits"),
        [
            ({"input_path": "$.order"}, True),
            ({"input_path": "$.receipt"}, False),
            ({"input_path": "$['receipt']"}, False),
            ({"input_path": "$.orders[0]"}, True),
            ({"input_path": "$.orders[1]"}, False),
            ({"input_path": "$.nowhere"}, False),
            ({"input_path": None}, False),
            ({"input_path": "$"}, False),
            ({"input_path": "$.orders[*]"}, True),
            ({"input_path": "$..order"}, True),
            ({"input_path": "$$.Execution.Input"}, True),
            ({"input_path": "$.orders[7]"}, True),
            ({"parameters": {"id.$": "$.order.id", "pence": 1}}, True),
            ({"parameters": {"id.$": "$.order.id", "pence": "1"}}, True),
            ({"parameters": {"id.$": "$.order.id", "pence": "one"}}, False),
            ({"parameters": {"id.$": "$.order.pence", "pence": 1}}, False),
            ({"parameters": {"id.$": "States.Format('{}', $.order.pence)", "pence": 1}}, True),
            ({"parameters": {"id.$": "States.UUID()", "pence.$": "States.MathAdd($.order.pence, 1)"}}, True),
            ({"parameters": {"id.$": "States.MathAdd(1, 2)", "pence": 1}}, False),
            ({"parameters": {"id.$": "States.Array('a')", "pence": 1}}, False),
            ({"parameters": {"id.$": "States.ArrayGetItem($.orders, 0)", "pence": 1}}, True),
            ({"parameters": {"id.$": "$$.Execution.Name", "pence": 1}}, True),
            ({"parameters": {"id": "a"}}, False),
            ({"parameters": {"id": ["a"], "pence": 1}}, False),
            ({"parameters": [{"id": "a"}]}, False),
            ({"input_path": "$.order", "parameters": {"id.$": "$.id", "pence.$": "$.pence"}}, True),
            ({"input_path": "$.receipt", "parameters": {"id.$": "$.id", "pence": 1}}, False),
        ],
    )
    def test_input_path_and_parameters_make_the_input(self, fields: dict[str, Any], fits: bool) -> None:
        order = {"id": "a", "pence": 1}
        given = Pass("given", result={"order": order, "receipt": RECEIPT, "orders": [order, RECEIPT]})
        assert is_told(given, task("pay", Order, **fields)) is not fits

    @pytest.mark.parametrize(
        ("fields", "fits"),
        [
            ({}, False),
            ({"result_path": "$"}, False),
            ({"result_path": "$.receipt"}, True),
            ({"result_path": None}, True),
            ({"result_path": "$.id"}, False),
            ({"result_path": "$.some.where"}, True),
            ({"result_path": "$.pence"}, False),
            ({"output_path": "$.paid"}, False),
            ({"output_path": None}, False),
            ({"output_path": "$.receipt", "result_path": "$.receipt"}, False),
            ({"result_selector": {"id.$": "$.order_id", "pence.$": "$.paid"}}, True),
            ({"result_selector": {"id.$": "$.paid", "pence.$": "$.paid"}}, False),
            ({"result_selector": {"sum.$": "$.paid"}, "result_path": "$.more"}, True),
        ],
    )
    def test_what_a_task_passes_on_depends_on_its_fields(self, fields: dict[str, Any], fits: bool) -> None:
        given = Pass("given", result={"id": "a", "pence": 1})
        start = chain(given, task("pay", Order, Receipt, **fields), task("again", Order))
        assert bool(told(start)) is not fits

    def test_a_result_is_placed_in_a_member_that_may_be_missing(self) -> None:
        class Place(TypedDict):
            street: str

        class Known(TypedDict):
            place: NotRequired[Place]

        class Spot(BaseModel):
            model_config = ConfigDict(extra="forbid")
            code: str

        class Spotted(BaseModel):
            place: Spot

        placing = Pass("p", result="a", result_path="$.place.code")
        assert not is_told(task("give", gives=Known), placing, task("take", Spotted))
        placing = Pass("p", result=1, result_path="$.place.code")
        assert is_told(task("give", gives=Known), placing, task("take", Spotted))

    def test_a_pass_state_passes_on_its_result_its_parameters_or_its_input(self) -> None:
        assert is_told(Pass("p", result=RECEIPT), task("pay", Order))
        assert is_told(Pass("p", parameters={"id": 1, "pence": 1}), task("pay", Order))
        assert not is_told(Pass("p", parameters={"id.$": "$.x", "pence": 1}), task("pay", Order))
        assert is_told(task("give", gives=Receipt), Pass("p"), task("pay", Order))
        assert not is_told(
            task("give", gives=Receipt), Pass("p", result={"id": "a", "pence": 1}), task("t", Order)
        )
        assert not is_told(Pass("p", result="a", result_path="$.id"), task("pay", Order))
        assert is_told(Pass("p", result=5, result_path="$.id"), task("pay", Order))

    def test_nothing_is_told_behind_a_state_that_cannot_go_on(self) -> None:
        start = chain(task("give", gives=Receipt), Pass("p", input_path="$.nowhere"), task("pay", Order))
        assert told(start) == []
        first = task("first", Order, result_path="$.result")
        assert len(told(chain(task("give", gives=Receipt), first, task("second", Order)))) == 1

    def test_placeholders_may_stand_for_anything_unless_they_are_text(self) -> None:
        given = Pass("given", result={"id": "${Id}", "pence": "${Pence}"})
        pay = task("pay", Order)
        machine = construct_state_machine("m", chain(given, pay))
        assert [each.code for each in problems(machine, warnings=True)] == []
        activity = Deployed("do-pay", lambda order: order)
        activity.input_schema = pay.done_by.input_schema  # type: ignore
        machine = construct_state_machine("m", chain(given, Task("pay", activity)))
        found = problems(machine, warnings=True, template=False)
        assert [each.message for each in found] == [
            "Activity 'do-pay' takes a whole number as 'pence', but 'given' gives '${Pence}': given -> pay"
        ]

    def test_a_name_that_is_a_placeholder_may_be_any_member(self) -> None:
        assert not is_told(Pass("given", result={"${Name}": "a", "pence": 1}), task("pay", Order))


class TestExpressions:
    """JSONata: what is a plain path or a literal is known, all else may be anything."""

    @pytest.mark.parametrize(
        ("arguments", "fits"),
        [
            ("{% $states.input.order %}", True),
            ("{% $states.input.receipt %}", False),
            ("{%$states.input%}", False),
            ("{% $states.input.nowhere %}", False),
            ("{% $states.input.orders %}", False),
            ("{% $states.input.orders.id %}", True),
            ("{% $states.input.orders[0] %}", True),
            ("{% $states.context.Execution.Input %}", True),
            ("{% $merge([$states.input.order]) %}", True),
            ({"id": "{% $states.input.order.id %}", "pence": 1}, True),
            ({"id": "{% $states.input.order.pence %}", "pence": 1}, False),
            ({"id": "{% $string($states.input.order.pence) %}", "pence": 1}, True),
            ({"id": "{% 'a' %}", "pence": "{% 1 %}"}, True),
            ({"id": "{% 1 %}", "pence": 1}, False),
            ({"id": "{% null %}", "pence": 1}, False),
            ({"id": "$states.input.order.id", "pence": 1}, True),
            ({"id": ["{% $states.input.order.id %}"], "pence": 1}, False),
            ({"id": "{% $states.input.order.id %}"}, False),
        ],
    )
    def test_arguments_make_the_input(self, arguments: Any, fits: bool) -> None:
        order = {"id": "a", "pence": 1}
        given = Pass("given", output={"order": order, "receipt": RECEIPT, "orders": [order, RECEIPT]})
        assert is_told(given, task("pay", Order, arguments=arguments), **JSONATA) is not fits

    @pytest.mark.parametrize(
        ("fields", "fits"),
        [
            ({}, False),
            ({"output": "{% $states.input %}"}, True),
            ({"output": "{% $states.result %}"}, False),
            ({"output": "{% $states.result.paid %}"}, False),
            ({"output": {"id": "{% $states.result.order_id %}", "pence": "{% $states.result.paid %}"}}, True),
            ({"output": {"id": "{% $states.input.id %}", "pence": "{% $states.input.id %}"}}, False),
            ({"output": "{% $merge([$states.input, $states.result]) %}"}, True),
        ],
    )
    def test_output_makes_what_is_passed_on(self, fields: dict[str, Any], fits: bool) -> None:
        given = Pass("given", output={"id": "a", "pence": 1})
        start = chain(given, task("pay", Order, Receipt, **fields), task("again", Order))
        assert bool(told(start, **JSONATA)) is not fits

    def test_a_state_may_speak_the_other_language(self) -> None:
        ask = task("pay", Order, query_language="JSONata", arguments="{% $states.input.order %}")
        assert is_told(Pass("given", result={"order": RECEIPT}), ask)
        assert not is_told(Pass("given", result={"order": {"id": "a", "pence": 1}}), ask)


class TestChoices:
    def test_a_rule_that_never_holds_lets_nothing_through(self) -> None:
        size = Choice("size")
        size.add(IsPresent("$.address"), task("ship", Parcel))
        size.set_default(Succeed("done"))
        assert not is_told(task("pay", gives=Receipt), size)

    def test_a_rule_that_may_hold_lets_through_what_comes(self) -> None:
        size = Choice("size")
        size.add(NumericGreaterThan("$.paid", 5), task("ship", Parcel))
        size.set_default(Succeed("done"))
        assert is_told(task("pay", gives=Receipt), size)

    def test_a_default_gets_what_no_rule_takes(self) -> None:
        class Maybe(BaseModel):
            order_id: str
            address: str | None

        def machine(rule: Any) -> State:
            choice = Choice("known?")
            choice.add(rule, Succeed("done"))
            choice.set_default(task("ship", Parcel))
            return chain(task("look up", gives=Maybe), choice)

        assert told(machine(IsNull("$.address"))) == []
        assert told(machine(IsString("$.address"))) != []
        assert told(machine(IsNull("$.address", False))) != []
        assert told(machine(~IsString("$.address"))) == []

    @pytest.mark.parametrize(
        ("rule", "told_by_rule", "told_by_default"),
        [
            (BooleanEquals("$.flag", True), True, False),
            (BooleanEquals("$.flag", False), False, True),
            (NumericEquals("$.n", 1), True, False),
            (NumericGreaterThan("$.n", 1), False, True),
            (StringEquals("$.s", "a"), True, False),
            (StringEquals("$.s", "b"), False, True),
            (IsPresent("$.s"), True, False),
            (IsPresent("$.t"), False, True),
            (IsPresent("$.t", False), True, False),
            (NumericEquals("$.n", 1) & StringEquals("$.s", "a"), True, False),
            (NumericEquals("$.n", 1) & StringEquals("$.s", "b"), False, True),
            (NumericEquals("$.n", 2) | StringEquals("$.s", "a"), True, False),
            (~NumericEquals("$.n", 1), False, True),
            (StringEquals("$.n", "a"), False, True),
            (IsPresent("$.t") & NumericEquals("$.t", 1), False, True),
            (NumericEquals("$.t", 1), False, False),
        ],
    )
    def test_rules_are_held_against_what_is_known(
        self, rule: Any, told_by_rule: bool, told_by_default: bool
    ) -> None:
        given = Pass("given", result={"flag": True, "n": 1, "s": "a"})
        choice = Choice("choice")
        choice.add(rule, task("by rule", Order))
        choice.set_default(task("by default", Order))
        given >> choice
        messages = told(given)
        assert any("do-by-rule" in message for message in messages) is told_by_rule
        assert any("do-by-default" in message for message in messages) is told_by_default

    def test_a_default_gets_nothing_where_rules_take_all(self) -> None:
        class Answer(BaseModel):
            flag: bool

        choice = Choice("choice")
        choice.add(BooleanEquals("$.flag", True), Succeed("yes"))
        choice.add(BooleanEquals("$.flag", False), Succeed("no"))
        choice.set_default(task("neither", Order))
        assert told(chain(task("ask", gives=Answer), choice)) == []

    def test_what_may_pass_counts_only_together_with_all_else_that_may(self) -> None:
        """In truth a rule may tell the ways apart: here orders are known by their kind."""
        kind = Choice("kind")
        kind.add(StringEquals("$.kind", "order"), task("pay", Order))
        kind.set_default(Succeed("done"))
        start = Choice("start")
        start.add(IsPresent("$.a"), chain(Pass("a", parameters={"kind.$": "$.a"}), kind))
        start.set_default(chain(Pass("b", parameters={"kind.$": "$.b", "id": "a", "pence": 1}), kind))
        assert told(start) == []

    def test_a_way_that_is_surely_gone_is_told_by_its_states(self) -> None:
        pay = task("pay", Order)
        wait = Wait("wait", 1)
        wait >> pay
        start = Choice("start")
        start.add(IsPresent("$.a"), chain(Pass("a", result={"id": "a", "pence": 1}), wait))
        start.set_default(chain(Pass("b", result={"id": "a"}), wait))
        assert told(start) == [
            "Activity 'do-pay' needs 'pence' (a whole number), but 'b' gives an object of 'id': "
            "b -> wait -> pay"
        ]

    def test_conditions_in_jsonata_may_hold_or_not_and_have_outputs(self) -> None:
        def machine(output: Any) -> State:
            choice = Choice("choice", output={"id": "a", "pence": 1})
            choice.add("{% $states.input.paid > 5 %}", task("pay", Order))
            choice.set_default(task("pay too", Order))
            assert choice.choices is not None
            choice.choices[0].output = output
            return chain(task("give", gives=Receipt), choice)

        assert told(machine({"id": "{% $states.input.order_id %}", "pence": 1}), **JSONATA) == []
        assert len(told(machine("{% $states.input %}"), **JSONATA)) == 1


class TestInnerStates:
    def test_branches_get_the_input_and_give_a_list(self) -> None:
        both = Parallel("both")
        both.add(task("left", Order))
        both.add(task("right", Receipt, gives=int))
        assert told(chain(task("give", gives=Receipt), both)) == [
            "Activity 'do-left' needs 'id' (text), but 'give' gives an object of 'order_id', 'paid': "
            "give -> both -> left"
        ]
        both.parameters = {"id.$": "$.order_id", "pence.$": "$.paid", "order_id": "a", "paid": 1}
        assert not is_told(task("give", gives=Receipt), both, task("take", tuple[Any, int]))
        assert is_told(task("give", gives=Receipt), both, task("take", tuple[Any, str]))
        assert is_told(task("give", gives=Receipt), both, task("take", Order))
        both.result_selector = {"id.$": "$[1]", "pence.$": "$[1]"}
        assert is_told(task("give", gives=Receipt), both, task("take", Order))

    def test_a_map_gives_its_items_one_by_one(self) -> None:
        class Basket(BaseModel):
            orders: list[Order]

        each = Map("each", task("pay", Receipt, gives=int), items_path="$.orders")
        assert told(chain(task("give", gives=Basket), each)) == [
            "Activity 'do-pay' needs 'order_id' (text), but 'give' gives an object of 'id', 'pence': "
            "give -> each -> pay"
        ]
        each = Map("each", task("pay", Order, gives=int), items_path="$.orders")
        assert not is_told(task("give", gives=Basket), each, task("sum", list[int]))
        assert is_told(task("give", gives=Basket), each, task("sum", int))

    @pytest.mark.parametrize(
        ("selector", "fits"),
        [
            ({"id.$": "$$.Map.Item.Value.id", "pence.$": "$$.Map.Item.Value.pence"}, True),
            ({"id.$": "$$.Map.Item.Value.pence", "pence": 1}, False),
            ({"id.$": "$$.Map.Item.Index", "pence": 1}, False),
            ({"id.$": "$.name", "pence": 1}, True),
            ({"id.$": "$.orders", "pence": 1}, False),
            ({"id.$": "$$.Map.Item.Key", "pence": 1}, True),
        ],
    )
    def test_an_item_selector_makes_what_an_iteration_gets(self, selector: Any, fits: bool) -> None:
        class Basket(BaseModel):
            name: str
            orders: list[Order]

        each = Map("each", task("pay", Order), items_path="$.orders", item_selector=selector)
        assert is_told(task("give", gives=Basket), each) is not fits

    def test_items_and_selectors_in_jsonata_are_read_too(self) -> None:
        class Basket(BaseModel):
            orders: list[Order]

        def each(value: str) -> Map:
            return Map(
                "each",
                task("pay", Order),
                items="{% $states.input.orders %}",
                item_selector={"id": value, "pence": 1},
            )

        assert not is_told(
            task("give", gives=Basket), each("{% $states.context.Map.Item.Value.id %}"), **JSONATA
        )
        assert is_told(
            task("give", gives=Basket), each("{% $states.context.Map.Item.Value.pence %}"), **JSONATA
        )

    def test_of_distributed_maps_only_the_items_are_known(self) -> None:
        pay = Definition.starting_at(task("pay", Order, gives=int))
        processor = {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}}
        each = Map("each", pay)
        assert each.item_processor is not None
        vars(each.item_processor)["__pydantic_extra__"] = None
        each.item_processor = Definition(start_at=pay.start_at, states=pay.states)
        distributed = Map.from_dict(
            {"Type": "Map", "End": True, "ItemProcessor": {**pay.to_dict(), **processor}}
        )
        vars(distributed)["name"] = "distributed"
        assert distributed.item_processor is not None
        distributed.item_processor.states["pay"] = pay.states["pay"]
        assert is_told(Pass("items", result=[1]), distributed)
        assert not is_told(Pass("items", result=[{"id": "a", "pence": 1}]), distributed, task("sum", int))

    def test_a_batch_has_items(self) -> None:
        class Batch(BaseModel):
            Items: list[Order]

        def machine(takes: Any) -> StateMachine:
            take = task("take", takes)
            fields = Definition.starting_at(take).to_dict()
            config = {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}}
            each = Map.from_dict(
                {"Type": "Map", "End": True, "ItemBatcher": {"MaxItemsPerBatch": 2}}
                | {"ItemProcessor": {**fields, **config}}
            )
            vars(each)["name"] = "each"
            assert each.item_processor is not None
            each.item_processor.states["take"] = take
            return construct_state_machine("m", chain(Pass("items", result=[{"id": "a", "pence": 1}]), each))

        assert problems(machine(Batch), warnings=True) == []
        for wrong in (Order, list[Order]):
            assert [each.code for each in problems(machine(wrong), warnings=True)] == ["UNFIT_INPUT"]

    def test_a_map_over_an_empty_list_does_nothing(self) -> None:
        assert not is_told(Pass("none", result=[]), Map("each", task("pay", Order)), task("sum", list[int]))


class TestCatchers:
    def test_an_error_has_a_name_and_a_cause(self) -> None:
        class Problem(BaseModel):
            Error: str
            Cause: str

        def machine(takes: Any, **options: Any) -> State:
            pay = task("pay", Order, Receipt)
            pay.catch(["States.ALL"], task("mend", takes), **options)
            return chain(Pass("given", result={"id": "a", "pence": 1}), pay)

        assert told(machine(Problem)) == []
        assert told(machine(Order)) == [
            "Activity 'do-mend' needs 'id' (text), but 'pay' gives an object of 'Error', 'Cause': pay -> mend"
        ]
        assert told(machine(Order, result_path="$.error")) == []
        assert told(machine(Receipt, result_path="$.error")) != []
        assert told(machine(Order, result_path=None)) == []

    def test_outputs_of_catchers_in_jsonata_are_read(self) -> None:
        def machine(output: Any) -> State:
            pay = task("pay", Order, Receipt)
            pay.catch(["States.ALL"], task("mend", Order), output=output)
            return chain(Pass("given", output={"id": "a", "pence": 1}), pay)

        assert told(machine({"id": "{% $states.errorOutput.Error %}", "pence": 1}), **JSONATA) == []
        assert told(machine({"id": "{% $states.errorOutput %}", "pence": 1}), **JSONATA) != []


class TestVariables:
    @pytest.mark.parametrize(
        ("assign", "fits"),
        [
            ({"id.$": "$.order_id"}, True),
            ({"id.$": "$.paid"}, False),
            ({"id": "a"}, True),
            ({"id": {"a": 1}}, False),
            ({"id.$": "States.UUID()"}, True),
        ],
    )
    def test_a_variable_is_what_it_was_set_to(self, assign: dict[str, Any], fits: bool) -> None:
        pay = task("pay", Order, parameters={"id.$": "$id", "pence": 1})
        assert is_told(task("give", gives=Receipt, assign=assign), Wait("wait", 1), pay) is not fits

    def test_a_variable_that_is_set_in_several_places_may_be_any_of_it(self) -> None:
        pay = task("pay", Order, parameters={"id.$": "$id", "pence": 1})
        again = Pass("again", assign={"id": "a"})
        assert not is_told(Pass("set", assign={"id": 1}), Wait("wait", 1), again, pay)

    def test_variables_in_jsonata_are_read_too(self) -> None:
        def machine(value: Any) -> tuple[State, State]:
            pay = task("pay", Order, arguments={"id": "{% $receipt.order_id %}", "pence": 1})
            return Pass("set", assign={"receipt": value}), pay

        assert not is_told(*machine(RECEIPT), **JSONATA)
        assert is_told(*machine({"order_id": 1}), **JSONATA)
        assert not is_told(*machine("{% $states.input %}"), **JSONATA)

    def test_a_variable_that_keeps_changing_may_be_anything(self) -> None:
        count = Pass("count", assign={"n": {"before.$": "$n"}})
        again = Choice("again")
        again.add(IsPresent("$.again"), count)
        again.set_default(task("take", Order, parameters={"id.$": "$n", "pence": 1}))
        assert told(chain(Pass("start", assign={"n": {}}), count, again)) == []
        count.assign = {"n": {"before.$": "$$.Execution.Input"}}
        assert told(chain(Pass("start", assign={"n": {}}), count, again)) != []


class TestLoops:
    def test_a_loop_comes_to_an_end(self) -> None:
        grow = Pass("grow", parameters={"before.$": "$"})
        again = Choice("again")
        again.add(IsPresent("$.again"), grow)
        again.set_default(task("pay", Order))
        assert told(chain(task("give", gives=Receipt), grow, again)) != []

    def test_what_comes_back_is_looked_at_as_well(self) -> None:
        pay = task("pay", Order, Receipt)
        again = Choice("again")
        again.add(NumericGreaterThan("$.paid", 5), Succeed("done"))
        again.set_default(pay)
        assert told(chain(Pass("given", result={"id": "a", "pence": 1}), pay, again)) == [
            "Activity 'do-pay' needs 'id' (text), but 'pay' gives an object of 'order_id', 'paid': "
            "pay -> again -> pay"
        ]

    def test_many_ways_are_taken_together(self) -> None:
        pay = task("pay", Order)
        start = Choice("start")
        for number in range(20):
            start.add(NumericEquals("$.n", number), chain(Pass(f"p{number}", result={f"m{number}": 1}), pay))
        start.set_default(Fail("none"))
        assert len(told(start)) == 1

    def test_a_machine_that_is_too_large_to_look_through_is_left_alone(self) -> None:
        def nested(depth: int) -> State:
            """Loops in loops, in each of which data grows."""
            inner = nested(depth - 1) if depth else Pass("inmost")
            again = Choice(f"again {depth}")
            start = Pass(f"start {depth}", parameters={"before.$": "$"})
            again.add(IsPresent("$.again"), start)
            again.add(IsPresent("$.before"), start)
            again.set_default(Pass(f"none {depth}", result=None))
            return chain(start, Parallel(f"both {depth}", result_path="$.more").add(inner), again)

        def whole(depth: int) -> State:
            return chain(Parallel("all", output_path="$[0]").add(nested(depth)), task("pay", Order))

        assert len(told(whole(0))) == 1
        assert told(whole(4)) == []


class TestWhereActivitiesAreKnown:
    def test_json_knows_no_annotations(self) -> None:
        machine = construct_state_machine("m", chain(task("give", gives=Receipt), task("pay", Order)))
        for definition in (machine.to_json(), machine.to_dict(), Definition.from_json(machine.to_json())):
            assert problems(definition, warnings=True) == []
        assert [each.code for each in problems(machine.definition, warnings=True)] == ["UNFIT_INPUT"]

    def test_copies_know_them_and_what_was_sent_elsewhere_does_not(self) -> None:
        machine = construct_state_machine("m", chain(task("give", gives=Receipt), task("pay", Order)))
        assert len(problems(copy.deepcopy(machine), warnings=True)) == 1
        assert problems(pickle.loads(pickle.dumps(machine)), warnings=True) == []
        pay = pickle.loads(pickle.dumps(machine.definition.states["pay"]))
        assert pay.done_by is None

    def test_a_task_knows_what_it_was_made_with_until_that_is_changed(self) -> None:
        pay = task("pay", Order)
        assert isinstance(pay.done_by, CallableActivity)
        pay.resource = "arn:aws:states:eu-west-1:123456789012:activity:other"
        assert pay.done_by is None
        assert not is_told(task("give", gives=Receipt), pay)

    def test_tasks_of_others_give_anything(self) -> None:
        arn = "arn:aws:states:eu-west-1:123456789012:activity:pay"
        assert not is_told(task("give", gives=Receipt), Task("other", arn), task("pay", Order))

    def test_nothing_is_told_of_a_definition_with_errors(self) -> None:
        pay = task("pay", Order)
        definition = Definition(
            start_at="give", states={"give": chain(Pass("give", result=1), pay), "pay": pay}
        )
        definition.states["give"].input_path = "nonsense"
        assert {each.severity for each in problems(definition, warnings=True)} == {"ERROR"}
