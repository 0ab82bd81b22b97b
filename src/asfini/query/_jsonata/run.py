"""One evaluation: its limits, its variables, and how functions are applied in it."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from random import Random, SystemRandom
from time import thread_time
from typing import TYPE_CHECKING, Any, Optional

from asfini.query._jsonata.errors import Failure
from asfini.query._jsonata.values import UNDEFINED, Function

if TYPE_CHECKING:
    from asfini.query._jsonata.signatures import Signature

MAX_SECONDS = 0.15
"""The processor time of an evaluation. AWS allows a second, but here an event loop waits for it."""
MAX_DEPTH = 100
"""How deep an evaluation may nest: AWS's own limit, as measured on AWS."""
MAX_ITEMS = 873_782
"""The items of an array: the longest that AWS makes of a range, as measured on AWS."""
MAX_TEXT = MAX_ITEMS * 8
"""The characters of a string: AWS makes one of 4,194,304 and refuses one twice as long, as measured there."""
MAX_MADE = 256 * 1024 * 1024
"""The bytes of all that an evaluation makes, a character as one and an item as eight."""

Evaluate = Callable[[Any, "Frame"], Any]
"""A part of an expression, made ready: from the context's value and the variables to its value."""

_random = SystemRandom()


class Run:
    """One evaluation.

    Args:
        source: where random numbers come from.
        now: tells the time, by default the system's.
    """

    __slots__ = ("_deadline", "_now", "_time", "depth", "made_bytes", "random", "ticks")

    def __init__(self, source: Random | None = None, now: Callable[[], datetime] | None = None) -> None:
        self._deadline = 0.0
        self._now = now
        self._time: datetime | None = None
        self.depth = 0
        """How deep the function call being evaluated is nested."""
        self.made_bytes = 0
        self.random = source or _random
        self.ticks = 0

    @property
    def time(self) -> datetime:
        """The time of the evaluation: the same from its beginning to its end."""
        if self._time is None:
            self._time = self._now() if self._now else datetime.now(UTC)
        return self._time

    def check(self) -> None:
        """Fail once the evaluation has taken too long. Everything that loops calls it now and then."""
        # A limit on computing must count that: a loop's time may be virtual, and a busy machine slow.
        if self._deadline == 0.0:
            self._deadline = thread_time() + MAX_SECONDS
        elif thread_time() > self._deadline:
            raise too_slow()

    def tick(self) -> None:
        """Look at the time once in a while: for what is called often and does little."""
        self.ticks += 1
        if not self.ticks & 31:
            self.check()

    def watch(self, items: Iterable[Any]) -> Iterator[Any]:
        """Go through items, looking at the time now and then."""
        for index, item in enumerate(items):
            if not index & 127:
                self.check()
            yield item

    def seconds_left(self) -> float:
        """What is left of the time, for what looks after itself."""
        self.check()
        return max(self._deadline - thread_time(), 0.001)

    def made(self, text: str) -> str:
        """Account for a string, and return it."""
        self.take(len(text), len(text), MAX_TEXT)
        return text

    def reserve(self, items: int, before: int = 0) -> None:
        """Account for items that an array is about to get, beside those it had before."""
        self.take(before + items, 8 * items, MAX_ITEMS)

    def take(self, length: int, size: int, most: int) -> None:
        """Account for something of a length and a size in bytes.

        Raises:
            Failure: it is longer than allowed, or too much was made in all.
        """
        self.made_bytes += size
        if length > most or self.made_bytes > MAX_MADE:
            raise too_large()

    def call(self, function: Any, *arguments: Any) -> Any:
        """Apply a function that a function was given."""
        depth = self.depth
        try:
            result = apply(self, function, list(arguments), None)
        except Failure as failure:
            failure.blame(getattr(function, "name", None))
            raise
        self.depth = depth
        return result


def too_slow() -> Failure:
    """The evaluation takes too long."""
    return Failure(None, "Expression evaluation timeout: Check for infinite loop")


def too_deep() -> Failure:
    """The evaluation nests too deeply."""
    return Failure(
        None,
        "Stack overflow error: Check for non-terminating recursive function. "
        "Consider rewriting as tail-recursive",
    )


def too_large() -> Failure:
    """The evaluation makes something too large."""
    return Failure(None, "Expression evaluation memory limit exceeded: Check for excessive memory usage")


class Frame:
    """The variables that a part of an expression sees.

    Args:
        names: the innermost variables, by name.
        parent: where to look for others.
        run: the evaluation.
        base: how deep it was nested where the function or the expression began that the part belongs to.
    """

    __slots__ = ("base", "names", "parent", "run")

    def __init__(self, names: Mapping[str, Any], parent: Optional["Frame"], run: Run, base: int) -> None:
        self.names = names
        self.parent = parent
        self.run = run
        self.base = base

    def bind(self, name: str, value: Any) -> None:
        """Set an innermost variable, leaving the dictionary that was given as it is."""
        self.names = {**self.names, name: value}

    def lookup(self, name: str) -> Any:
        """Find a variable's value."""
        frame: Frame | None = self
        while frame is not None:
            if name in frame.names:
                return frame.names[name]
            frame = frame.parent
        return LIBRARY.get(name, UNDEFINED)

    def within(self, names: Mapping[str, Any]) -> "Frame":
        """Make a frame inside of this one."""
        return Frame(names, self, self.run, self.base)


class Native(Function):
    """A function of the library.

    Args:
        implementation: takes the evaluation, then the arguments.
        signature: what it can be given; without one, anything.
        arity: how many arguments a caller with several to offer gives it.
        name: what it is called in the library.
    """

    __slots__ = ("arity", "implementation", "name", "signature")

    def __init__(
        self,
        implementation: Callable[..., Any],
        signature: Optional["Signature"],
        arity: int,
        name: str | None = None,
    ) -> None:
        self.implementation = implementation
        self.signature = signature
        self.arity = arity
        self.name = name

    def invoke(self, run: Run, arguments: list[Any], context: Any) -> Any:
        """Check the arguments and call the implementation."""
        if self.signature is not None:
            arguments = self.signature.validate(arguments, context)
        return self.implementation(run, *arguments)


class Lambda(Function):
    """A function that an expression defines, with what it could see there.

    Args:
        parameters: their names.
        body: what it computes.
        context: the context's value where it was defined.
        frame: the variables there.
        signature: what it can be given; without one, anything.
    """

    __slots__ = ("arity", "body", "context", "frame", "parameters", "signature")

    def __init__(
        self,
        parameters: list[str],
        body: Evaluate,
        context: Any,
        frame: Frame,
        signature: Optional["Signature"] = None,
    ) -> None:
        self.parameters = parameters
        self.body = body
        self.context = context
        self.frame = frame
        self.signature = signature
        self.arity = len(parameters)

    def invoke(self, run: Run, arguments: list[Any], context: Any) -> Any:
        """Compute the body with the arguments as variables."""
        if self.signature is not None:
            arguments = self.signature.validate(arguments, context)
        names = dict(zip(self.parameters, arguments, strict=False))
        for missing in self.parameters[len(arguments) :]:
            names[missing] = UNDEFINED
        return self.body(self.context, Frame(names, self.frame, run, run.depth))


LIBRARY: dict[str, Native] = {}
"""The functions that every expression can call, by name."""


class TailCall:
    """A call that a function ends with: who called the function makes it, so that the stack does not grow."""

    __slots__ = ("arguments", "context", "frame", "name", "procedure")

    def __init__(
        self, name: Any, procedure: Evaluate, arguments: list[Evaluate], context: Any, frame: Frame
    ) -> None:
        self.name = name
        self.procedure = procedure
        self.arguments = arguments
        self.context = context
        self.frame = frame


def apply(run: Run, function: Any, arguments: list[Any], context: Any) -> Any:
    """Apply a function.

    Args:
        run: the evaluation; its `depth` is where the call stands.
        function: what ought to be a function.
        arguments: its arguments.
        context: the context's value, which stands in for some arguments that are missing.

    Raises:
        Failure: it is no function, or does not take such arguments, or fails.
    """
    run.tick()
    if not isinstance(function, Function):
        raise Failure("T1006")
    depth = run.depth
    result = function.invoke(run, arguments, context)
    while type(result) is TailCall:
        run.depth = depth
        result = _called(run, result, context)
    return result


def _called(run: Run, call: TailCall, context: Any) -> Any:
    """Make the call that a function ended with."""
    depth = run.depth
    function = call.procedure(call.context, call.frame)
    arguments = [argument(call.context, call.frame) for argument in call.arguments]
    run.depth = depth
    run.tick()
    try:
        if not isinstance(function, Function):
            raise Failure("T1006")
        return function.invoke(run, arguments, context)
    except Failure as failure:
        failure.blame(call.name)
        raise
