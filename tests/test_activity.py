"""Activities: what they are called, what they wrap, and how inputs become arguments."""

import asyncio
import functools
import inspect
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any, Literal

import pytest
from jobs import do
from pydantic import BaseModel, ConfigDict, Field

from asfini import (
    Activity,
    ActivityRegistration,
    CallableActivity,
    Client,
    InvalidArgument,
    SmartCallableActivity,
    Task,
    Worker,
    current_task,
)
from asfini.errors import AsfiniError, TaskInputInvalid

if TYPE_CHECKING:
    from fractions import Fraction

SECRET = "pa55w0rd"


class Order(BaseModel):
    id: str
    pence: int


def plain(function: Callable[..., Any]) -> CallableActivity[..., Any]:
    return CallableActivity("act", function)


def smart(function: Callable[..., Any]) -> SmartCallableActivity[..., Any]:
    return SmartCallableActivity("act", function)


class TestNames:
    @pytest.mark.parametrize("name", ["", "x" * 81, "a b", "a/b", "a:b", "a\x00", "a\u0085", None, 7])
    def test_a_name_that_aws_refuses_is_refused(self, name: Any) -> None:
        with pytest.raises(InvalidArgument, match="an activity"):
            Activity(name)

    def test_80_characters_are_allowed(self) -> None:
        assert Activity("x" * 80).name == "x" * 80

    def test_its_arn_knows_no_account(self) -> None:
        arn = "arn:${AWS::Partition}:states:${AWS::Region}:${AWS::AccountId}:activity:pay"
        assert Activity("pay").arn == arn

    @pytest.mark.parametrize("heartbeat", [0, -1, float("nan"), float("inf"), True, "20"])
    def test_a_heartbeat_is_a_positive_number(self, heartbeat: Any) -> None:
        with pytest.raises(
            InvalidArgument, match="the heartbeat of 'pay' is a positive number of seconds, not "
        ):
            Activity("pay", heartbeat=heartbeat)

    @pytest.mark.parametrize(
        ("heartbeat", "written"), [(None, None), (20, 25), (0.5, 6), (1.5, 7), (60.0, 65)]
    )
    def test_tasks_allow_it_to_be_five_seconds_late(
        self, heartbeat: float | None, written: int | None
    ) -> None:
        assert Task("t", Activity("pay", heartbeat=heartbeat)).to_dict().get("HeartbeatSeconds") == written


class TestRegistration:
    def test_names_begin_with_the_prefix(self) -> None:
        activities = ActivityRegistration(prefix="shop-")

        @activities.activity()
        async def charge(order: Order) -> str:
            """Take the money."""
            return order.id

        @activities.smart_activity("give-back", heartbeat=None)
        def refund(id: str) -> str:  # noqa: A002
            return id

        assert [each.name for each in activities] == ["shop-charge", "shop-give-back"]
        assert (len(activities), charge.heartbeat, refund.heartbeat) == (2, 20, None)
        assert (charge.__name__, charge.__doc__) == ("charge", "Take the money.")

    def test_a_name_is_given_once(self) -> None:
        activities = ActivityRegistration()
        activities.add_activity(first := Activity("pay"))
        activities.add_activity(first)
        with pytest.raises(InvalidArgument, match="two activities are named 'pay'"):
            activities.activity("pay")(print)

    @pytest.mark.parametrize("thing", [None, "pay", print])
    def test_only_activities_are_added(self, thing: Any) -> None:
        with pytest.raises(InvalidArgument, match="an activity is needed"):
            ActivityRegistration().add_activity(thing)

    def test_a_prefix_is_text(self) -> None:
        with pytest.raises(InvalidArgument, match="a prefix is text, not 7"):
            ActivityRegistration(7)  # type: ignore[arg-type]

    @pytest.mark.parametrize("kind", ["activity", "smart_activity"])
    def test_forgotten_brackets_are_noticed_at_once(self, kind: str) -> None:
        with pytest.raises(InvalidArgument, match=r"with brackets: <function .*work"):

            @getattr(ActivityRegistration(), kind)  # type: ignore[untyped-decorator]
            def work() -> None: ...

    def test_what_has_no_name_needs_one(self) -> None:
        bound = functools.partial(pow, 2)
        with pytest.raises(InvalidArgument, match=r"say how the activity is named: functools\.partial"):
            ActivityRegistration().activity()(bound)
        assert ActivityRegistration("math-").activity("pow")(bound).name == "math-pow"

    def test_decorate_makes_one_outside_of_a_group(self) -> None:
        @CallableActivity.decorate("pay", heartbeat=5)
        def pay(n: int) -> int:
            return n

        assert (pay.name, pay.heartbeat, pay.call_with(3)) == ("pay", 5, 3)

    @pytest.mark.parametrize("function", [None, "pay", 7])
    def test_a_function_is_needed(self, function: Any) -> None:
        with pytest.raises(InvalidArgument, match="the activity 'pay' needs a function, not "):
            CallableActivity("pay", function)

    def test_a_generator_is_none(self) -> None:
        def plain_one() -> Any:
            yield 1

        async def async_one() -> Any:
            yield 1

        for function in (plain_one, async_one):
            with pytest.raises(InvalidArgument, match="needs a function that returns, not one that yields"):
                CallableActivity("pay", function)


class TestCalling:
    def test_a_plain_function_is_called(self) -> None:
        assert plain(lambda n: n + 1)(1) == 2

    async def test_a_coroutine_function_gives_a_coroutine(self) -> None:
        async def work(n: int) -> int:
            return n + 1

        assert await plain(work)(1) == 2

    def test_nobody_works_outside_of_a_worker(self) -> None:
        with pytest.raises(AsfiniError, match="for functions that a worker runs"):
            current_task()


class Shop:
    def __init__(self, currency: str = "GBP") -> None:
        self.currency = currency

    async def price(self, order: Order) -> str:
        return f"{order.pence} {self.currency}"

    def plain_price(self, order: Order) -> str:
        return f"{order.pence} {self.currency}"

    @classmethod
    def of(cls, order: Order) -> str:
        return f"{order.pence} {cls.__name__}"

    @staticmethod
    async def free(order: Order) -> str:
        return f"{order.pence} free"


@dataclass
class Pricing:
    """A callable object, and one that has no hash."""

    currency: str

    def __call__(self, order: Order) -> str:
        return f"{order.pence} {self.currency}"


@dataclass
class AsyncPricing:
    currency: str

    async def __call__(self, order: Order) -> str:
        await asyncio.sleep(1)
        return f"{order.pence} {self.currency}"


def _wrapped(function: Any) -> Any:
    @functools.wraps(function)
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        return await function(*args, **kwargs)

    return wrapper


async def _priced(order: Order, currency: str) -> str:
    return f"{order.pence} {currency}"


CALLABLES = [
    (Shop().price, "GBP", True),
    (Shop().plain_price, "GBP", False),
    (Shop.of, "Shop", False),
    (Shop.free, "free", True),
    (Pricing("EUR"), "EUR", False),
    (AsyncPricing("EUR"), "EUR", True),
    (functools.partial(_priced, currency="CHF"), "CHF", True),
    (functools.partial(AsyncPricing("SEK")), "SEK", True),
    (functools.partial(functools.partial(Shop().price)), "GBP", True),
    (_wrapped(Shop().price), "GBP", True),
    (CallableActivity("inner", Shop().price), "GBP", False),
]


class TestCallables:
    @pytest.mark.parametrize(("function", "currency", "is_async"), CALLABLES)
    async def test_whatever_can_be_called_can_be_an_activity(
        self, local_client: Client, function: Any, currency: str, is_async: bool
    ) -> None:
        for made in (plain(function), smart(function)):
            assert made.is_async is is_async
            order = {"id": "o-1", "pence": 5}
            given = order if type(made) is CallableActivity else {"order": order}
            assert await do(local_client, made, given) == f"5 {currency}"

    async def test_a_method_is_called_on_its_own_object(self, local_client: Client) -> None:
        activities = ActivityRegistration()
        price = activities.activity("price")(Shop("JPY").price)
        assert await do(local_client, price, {"id": "o-1", "pence": 5}) == "5 JPY"

    async def test_functions_written_in_c_get_the_input_as_it_is(self, local_client: Client) -> None:
        for function, given, result in (
            (len, "four", 4),
            (int, "4", 4),
            (dict, {"a": 1}, {"a": 1}),
            (max, [1, 3], 3),
        ):
            assert await do(local_client, plain(function), given) == result  # type: ignore[arg-type]


class TestSingleArgument:
    @pytest.mark.parametrize(
        ("function", "given", "result"),
        [
            (lambda given: given, {"a": [1]}, {"a": [1]}),
            (lambda: "none needed", {"a": 1}, "none needed"),
            (lambda *args: list(args), 5, [5]),
            (lambda given, /: given, 5, 5),
            (lambda given, more=2: [given, more], 5, [5, 2]),
            (lambda given=1: given, None, None),
            (lambda **kwargs: kwargs, {"a": 1}, {}),
            (lambda *, more=1: more, {"a": 1}, 1),
        ],
    )
    def test_the_input_is_the_first_argument_if_there_is_one(
        self, function: Any, given: Any, result: Any
    ) -> None:
        assert plain(function).call_with(given) == result

    @pytest.mark.parametrize(
        ("function", "names"),
        [
            (lambda a, b: 0, "'a', 'b'"),
            (lambda a, *, b: 0, "'a', 'b'"),
            (lambda *, b: 0, "'b'"),
            (lambda *args, b: 0, "'b'"),
            (Shop.price, "'self', 'order'"),
        ],
    )
    def test_a_function_that_needs_more_is_refused(self, function: Any, names: str) -> None:
        with pytest.raises(InvalidArgument, match=f"needs {names}: a smart_activity gets .* by name"):
            plain(function)


class Size(Enum):
    SMALL = "S"
    LARGE = "L"


class Strict(BaseModel):
    model_config = ConfigDict(strict=True)

    at: datetime
    size: Size
    tags: tuple[str, ...]


class TestTypes:
    @pytest.mark.parametrize(
        ("annotation", "given", "made"),
        [
            (Any, {"a": 1}, {"a": 1}),
            (int, 5, 5),
            (Order, {"id": "o-1", "pence": 5}, Order(id="o-1", pence=5)),
            (list[Order], [{"id": "o-1", "pence": 5}], [Order(id="o-1", pence=5)]),
            (Order | None, None, None),
            (datetime, "2026-03-01T12:00:00Z", datetime(2026, 3, 1, 12, tzinfo=UTC)),
            (Size, "L", Size.LARGE),
            (Decimal, "1.50", Decimal("1.50")),
            (tuple[int, str], [1, "a"], (1, "a")),
            (Annotated[int, Field(gt=0)], 5, 5),
            (None, None, None),
            ("Order", {"id": "o-1", "pence": 5}, Order(id="o-1", pence=5)),
            (
                Strict,
                {"at": "2026-03-01T12:00:00Z", "size": "S", "tags": ["a"]},
                Strict(at=datetime(2026, 3, 1, 12, tzinfo=UTC), size=Size.SMALL, tags=("a",)),
            ),
        ],
    )
    def test_pydantic_makes_json_what_the_annotation_says(
        self, annotation: Any, given: Any, made: Any
    ) -> None:
        def work(value: Any) -> Any:
            return value

        work.__annotations__["value"] = annotation
        assert plain(work).call_with(given) == made
        assert smart(work).call_with({"value": given}) == made


class Cat(BaseModel):
    kind: Literal["cat"]


class Dog(BaseModel):
    kind: Literal["dog"]


class Closed(BaseModel):
    model_config = ConfigDict(extra="forbid")

    pin: int = 0


Pet = Annotated[Cat | Dog, Field(discriminator="kind")]


class TestMisfits:
    @pytest.mark.parametrize(
        ("annotation", "given", "message"),
        [
            (int, SECRET, "does not fit: Input should be a valid integer"),
            (Order, {"id": SECRET}, "does not fit: pence: Field required"),
            (Order, {"id": [SECRET], "pence": 1}, "does not fit: id: Input should be a valid string"),
            (Order, SECRET, "does not fit: Input should be an object"),
            (
                list[Order],
                [{"id": "a", "pence": SECRET}],
                "does not fit: 0.pence: Input should be a valid integer",
            ),
            (Literal["a", "b"], SECRET, "does not fit: Input should be 'a' or 'b'"),
            (
                Pet,
                {"kind": SECRET},
                "does not fit: Input tag found using 'kind' does not match any of the expected",
            ),
            (Closed, {"pin": SECRET, "more": SECRET}, "…: Extra inputs are not permitted"),
            (Closed, {SECRET: 1}, "does not fit: …: Extra inputs are not permitted"),
            (dict[int, int], {SECRET: 1}, "does not fit: ….…: Input should be a valid integer"),
            (dict[str, Order], {SECRET: {"id": "a"}}, "does not fit: ….pence: Field required"),
            (datetime, SECRET, "does not fit: Input should be a valid datetime"),
            (Annotated[str, Field(pattern="^[a-z]+$")], SECRET, "does not fit: String should match pattern"),
            (str, "\ud800", "does not fit: "),
        ],
    )
    @pytest.mark.parametrize("kind", [plain, smart])
    def test_what_does_not_fit_is_told_with_its_place_but_not_its_value(
        self, kind: Any, annotation: Any, given: Any, message: str
    ) -> None:
        def work(value: Any) -> Any: ...

        work.__annotations__["value"] = annotation
        with pytest.raises(TaskInputInvalid) as refused:
            kind(work).call_with(given if kind is plain else {"value": given})
        what = "the input of activity 'act'" + (", 'value'" if kind is smart else "")
        assert str(refused.value).startswith(what)
        assert message in str(refused.value)
        assert SECRET not in "".join(traceback.format_exception(refused.value))


def late(order: "Defined | None", orders: "list[Defined]") -> Any:
    return [order, *orders]


def unknowable(order: "Fraction") -> "NeverDefined":  # type: ignore[name-defined] # noqa: F821
    return order


def returns_the_unknown(order: Order) -> "NeverDefined":  # type: ignore[name-defined] # noqa: F821
    return order.pence


late_activity = SmartCallableActivity("late", late)


class Defined(BaseModel):
    n: int


class TestAnnotations:
    def test_may_name_what_is_defined_later(self) -> None:
        late_activity.check()
        made = late_activity.call_with({"order": {"n": 1}, "orders": [{"n": 2}]})
        assert made == [Defined(n=1), Defined(n=2)]

    def test_are_read_where_the_function_was_written_whoever_decorates_it(self) -> None:
        elsewhere: dict[str, Any] = {"functools": functools}
        exec("def deco(f):\n    return functools.wraps(f)(lambda *a, **k: f(*a, **k))", elsewhere)
        decorated = elsewhere["deco"](late)
        for function in (decorated, functools.partial(decorated), functools.partial(decorated, orders=[])):
            assert smart(function).call_with({"order": {"n": 1}, "orders": []}) == [Defined(n=1)]

    def test_that_name_what_is_not_there_at_run_time_are_told_when_they_are_needed(self) -> None:
        for activity in (plain(unknowable), smart(unknowable)):
            for use in (activity.check, lambda activity=activity: activity.call_with({"order": 1})):
                with pytest.raises(
                    InvalidArgument, match=r"'order' of activity 'act', annotated as 'Fraction'.*not def"
                ):
                    use()

    def test_of_results_do_not_matter(self) -> None:
        activity = plain(returns_the_unknown)
        activity.check()
        assert activity.call_with({"id": "o-1", "pence": 5}) == 5

    @pytest.mark.parametrize("annotation", [object(), 5, "1 +", "help text", Shop, "Shop"])
    def test_that_are_no_types_are_told(self, annotation: Any) -> None:
        def work(value: Any) -> None: ...

        work.__annotations__["value"] = annotation
        with pytest.raises(InvalidArgument, match="nothing can be made to fit 'value' of activity 'act'"):
            plain(work).check()

    def test_of_models_that_are_not_complete_are_told(self) -> None:
        class Incomplete(BaseModel):
            other: "NeverDefined"  # type: ignore[name-defined] # noqa: F821

        def work(value: Incomplete) -> None: ...

        with pytest.raises(InvalidArgument, match=r"'value' of activity 'act'.*NeverDefined"):
            plain(work).check()

    async def test_none_of_them_is_met_by_a_task(self, local_client: Client) -> None:
        with pytest.raises(InvalidArgument, match="'Fraction'"):
            Worker(local_client, plain(unknowable))


class TestByName:
    def test_members_are_arguments_and_others_are_left_out(self) -> None:
        def work(id: str, pence: int = 7) -> Any:  # noqa: A002
            return [id, pence]

        assert smart(work).call_with({"id": "o-1", "pence": 5, "more": 1}) == ["o-1", 5]
        assert smart(work).call_with({"id": "o-1"}) == ["o-1", 7]

    def test_kwargs_get_the_others_each_as_annotated(self) -> None:
        def work(id: str, /, *args: Any, flag: bool = False, **others: Decimal) -> Any:  # noqa: A002
            return [id, args, flag, others]

        made = smart(work).call_with({"id": "o-1", "flag": True, "a": "1.5", "args": 1, "others": 2})
        assert made == ["o-1", (), True, {"a": Decimal("1.5"), "args": Decimal(1), "others": Decimal(2)}]
        with pytest.raises(
            TaskInputInvalid, match="the input of activity 'act', a member for 'others' does not fit"
        ):
            smart(work).call_with({"id": "o-1", "a": "x"})

    def test_positional_only_ones_keep_their_places(self) -> None:
        def work(a: int = 1, b: int = 2, /, c: int = 3) -> list[int]:
            return [a, b, c]

        assert smart(work).call_with({"b": 5}) == [1, 5, 3]
        assert smart(work).call_with({"c": 5, "a": 0}) == [0, 2, 5]
        assert smart(work).call_with({}) == [1, 2, 3]

    def test_what_a_partial_gives_may_be_given_otherwise(self) -> None:
        def work(a: int, b: int) -> list[int]:
            return [a, b]

        bound = functools.partial(work, a=1)
        assert smart(bound).call_with({"b": 5}) == [1, 5]
        assert smart(bound).call_with({"a": 3, "b": 5}) == [3, 5]

    @pytest.mark.parametrize("kind", ["method", "object", "class", "partial"])
    def test_members_named_as_what_is_given_already_are_refused(self, kind: str) -> None:
        class Shop:
            def __init__(self, **others: Any) -> None: ...

            def pack(self, **others: Any) -> Any:
                return others

            __call__ = pack

        made: dict[str, Any] = {
            "method": Shop().pack,
            "object": Shop(),
            "class": Shop,
            "partial": functools.partial(Shop.pack, None),
        }
        act = smart(made[kind])
        act.call_with({"item": 1})
        with pytest.raises(TaskInputInvalid, match="must not have 'self'"):
            act.call_with({"self": 1})

    def test_all_that_is_missing_is_named(self) -> None:
        def work(a: int, b: int, /, c: int, *, d: int, e: int = 0) -> None: ...

        with pytest.raises(TaskInputInvalid, match=r"the input of activity 'act' lacks 'a', 'c', 'd'$"):
            smart(work).call_with({"b": 1})

    @pytest.mark.parametrize(
        ("given", "kind"),
        [([SECRET], "a list"), (SECRET, "text"), (None, "null"), (7, "a number"), (True, "a boolean")],
    )
    def test_an_input_that_is_no_object_is_refused(self, given: Any, kind: str) -> None:
        message = f"the input of activity 'act' must be an object, to give arguments by name, not {kind}$"
        with pytest.raises(TaskInputInvalid, match=message):
            smart(lambda: 0).call_with(given)

    def test_its_signature_can_be_read(self) -> None:
        def work(a: int, b: int = 2) -> None: ...

        assert smart(work).sig == inspect.signature(work)
