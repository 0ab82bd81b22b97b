"""From nodes to closures: every node becomes a function of the context's value and the variables.

How deep a node is nested within its function is known when the closures are made. While it runs, only its
leaves compare that, added to where the function was called, with the limit: nothing is deeper than a leaf.
"""

from collections.abc import Callable
from typing import Any

from asfini.query._jsonata import paths
from asfini.query._jsonata.casts import boolean
from asfini.query._jsonata.errors import Failure
from asfini.query._jsonata.operators import OPERATORS, negated
from asfini.query._jsonata.parser import parse
from asfini.query._jsonata.regexes import Matcher
from asfini.query._jsonata.run import (
    MAX_DEPTH,
    Evaluate,
    Frame,
    Lambda,
    Native,
    Run,
    TailCall,
    apply,
    too_deep,
)
from asfini.query._jsonata.syntax import Node
from asfini.query._jsonata.transforms import transformer
from asfini.query._jsonata.values import (
    UNDEFINED,
    Constructed,
    Sequence,
    is_function,
    lookup,
    unwrapped,
)

_RECURSIVE = frozenset({"lambda", "transform"})
"""Without these, no node can be deeper than it is written."""
_CHAIN = "function($x){ $second($first($x)) }"


class Compiler:
    """Makes closures of an expression's nodes.

    Args:
        root: the expression.
    """

    def __init__(self, root: Node) -> None:
        self._guarded = any(node.kind in _RECURSIVE for node in _all(root))

    def compile(self, node: Node, depth: int) -> Evaluate:
        """Make a closure of a node.

        Args:
            node: the node.
            depth: how deep it is nested within its function or the expression.
        """
        if depth > MAX_DEPTH:
            return _overflow
        if node.kind == "path" and paths.is_plain(node):
            return self.leaf(paths.plain(node), depth + 1) if depth < MAX_DEPTH else _overflow
        evaluate = _KINDS[node.kind](self, node, depth)
        if node.predicates:
            evaluate = paths.filtered(evaluate, [self.stage(stage, depth) for stage in node.predicates])
        if node.group is not None and node.kind != "path":
            evaluate = paths.grouped(evaluate, self.pairs(node.group, depth))
        elif not node.predicates and not node.keep_array and _gives_no_sequence(node):
            return evaluate
        return _kept(evaluate) if node.keep_array else _finished(evaluate)

    def leaf(self, evaluate: Evaluate, depth: int) -> Evaluate:
        """Let a closure without others in it see to the limit of depth, if it can be reached."""
        if not self._guarded:
            return evaluate
        deepest = MAX_DEPTH - depth

        def guarded(context: Any, frame: Frame) -> Any:
            if frame.base > deepest:
                raise too_deep()
            return evaluate(context, frame)

        return guarded

    def all(self, nodes: list[Node], depth: int) -> list[Evaluate]:
        """Make closures of operands."""
        return [self.compile(node, depth + 1) for node in nodes]

    def pairs(self, node: Node, depth: int) -> list[tuple[Evaluate, Evaluate]]:
        """Make closures of keys and values."""
        return [(self.compile(key, depth + 1), self.compile(value, depth + 1)) for key, value in node.pairs]

    def stage(self, stage: Any, depth: int) -> paths.Stage:
        """Make a closure of a predicate, or take the variable that counts."""
        if stage.predicate is None:
            return paths.Stage(counter=stage.index)
        if stage.predicate.kind == "number" and not stage.predicate.predicates:
            return paths.Stage(position=stage.predicate.value)
        return paths.Stage(predicate=self.compile(stage.predicate, depth + 1))

    # The kinds of nodes

    def _literal(self, node: Node, depth: int) -> Evaluate:
        value = node.value
        return self.leaf(lambda _, __: value, depth)

    def _name(self, node: Node, depth: int) -> Evaluate:
        name = node.value
        return self.leaf(lambda context, _: unwrapped(lookup(context, name)), depth)

    def _variable(self, node: Node, depth: int) -> Evaluate:
        name = node.value
        if not name:
            return self.leaf(lambda context, _: unwrapped(context), depth)
        return self.leaf(lambda _, frame: unwrapped(frame.lookup(name)), depth)

    def _parent(self, node: Node, depth: int) -> Evaluate:
        slot = node.slot
        label = slot.label if slot else ""
        return self.leaf(lambda _, frame: frame.lookup(label), depth)

    def _wildcard(self, _: Node, depth: int) -> Evaluate:
        return self.leaf(paths.wildcard, depth)

    def _descendant(self, _: Node, depth: int) -> Evaluate:
        return self.leaf(paths.descendants, depth)

    def _regex(self, node: Node, depth: int) -> Evaluate:
        matcher = Matcher(*node.value)
        return self.leaf(lambda _, __: matcher, depth)

    def _path(self, node: Node, depth: int) -> Evaluate:
        return paths.path(self, node, depth)

    def _binary(self, node: Node, depth: int) -> Evaluate:
        left, right = self.all(node.parts, depth)
        name = node.value
        operate = OPERATORS[name]

        def evaluate(context: Any, frame: Frame) -> Any:
            first = left(context, frame)
            second = right(context, frame)
            try:
                return operate(frame.run, first, second)
            except Failure as failure:
                failure.details["token"] = name
                raise

        return evaluate

    def _logical(self, node: Node, depth: int) -> Evaluate:
        left, right = self.all(node.parts, depth)
        name = node.value
        decisive = name == "or"

        def evaluate(context: Any, frame: Frame) -> bool:
            first = left(context, frame)
            try:
                if (first is True or boolean(first)) is decisive:
                    return decisive
                return boolean(right(context, frame))
            except Failure as failure:
                failure.details["token"] = name
                raise

        return evaluate

    def _operation(self, node: Node, depth: int) -> Evaluate:
        return (self._logical if node.value in ("and", "or") else self._binary)(node, depth)

    def _negate(self, node: Node, depth: int) -> Evaluate:
        (operand,) = self.all(node.parts, depth)
        return lambda context, frame: negated(frame.run, operand(context, frame))

    def _array(self, node: Node, depth: int) -> Evaluate:
        items = [(part.kind == "array", self.compile(part, depth + 1)) for part in node.parts]
        make = Constructed if node.constructs else list

        def evaluate(context: Any, frame: Frame) -> Any:
            made: list[Any] = make()
            for whole, item in items:
                value = item(context, frame)
                if isinstance(value, list) and not whole:
                    frame.run.reserve(len(value), len(made))
                    made.extend(value)
                elif value is not UNDEFINED:
                    made.append(value)
            return made

        return evaluate if items else self.leaf(evaluate, depth)

    def _object(self, node: Node, depth: int) -> Evaluate:
        pairs = self.pairs(node, depth)
        build = paths.grouped(lambda context, _: context, pairs)
        return build if pairs else self.leaf(build, depth)

    def _block(self, node: Node, depth: int) -> Evaluate:
        parts = self.all(node.parts, depth)

        def evaluate(context: Any, frame: Frame) -> Any:
            inner = frame.within({})
            value: Any = UNDEFINED
            for part in parts:
                value = part(context, inner)
            return value

        return evaluate if parts else self.leaf(evaluate, depth)

    def _condition(self, node: Node, depth: int) -> Evaluate:
        condition, then, *otherwise = self.all(node.parts, depth)
        other: Evaluate = otherwise[0] if otherwise else lambda _, __: UNDEFINED

        def evaluate(context: Any, frame: Frame) -> Any:
            chosen = then if boolean(condition(context, frame)) else other
            return chosen(context, frame)

        return evaluate

    def _bind(self, node: Node, depth: int) -> Evaluate:
        (expression,) = self.all(node.parts, depth)
        name = node.value

        def evaluate(context: Any, frame: Frame) -> Any:
            value = expression(context, frame)
            frame.bind(name, value)
            return value

        return evaluate

    def _function(self, node: Node, depth: int, given: Evaluate | None = None) -> Evaluate:
        procedure = self.compile(_procedure(node), depth + 1)
        arguments = ([given] if given else []) + self.all(node.parts, depth)
        name, field = _called(node)

        def evaluate(context: Any, frame: Frame) -> Any:
            function = procedure(context, frame)
            if function is UNDEFINED and field is not None and frame.lookup(field) is not UNDEFINED:
                raise Failure("T1005", token=field)
            values = [argument(context, frame) for argument in arguments]
            run = frame.run
            run.depth = frame.base + depth
            try:
                return apply(run, function, values, context)
            except Failure as failure:
                failure.blame(name)
                raise

        return evaluate

    def _tail(self, node: Node, depth: int) -> Evaluate:
        procedure = self.compile(_procedure(node), 1)
        arguments = [self.compile(argument, 1) for argument in node.parts]
        name, _ = _called(node)
        return self.leaf(lambda context, frame: TailCall(name, procedure, arguments, context, frame), depth)

    def _lambda(self, node: Node, depth: int) -> Evaluate:
        parameters = [str(parameter.value) for parameter in node.parts]
        body = self.compile(_procedure(node), 1)
        signature = node.signature
        return self.leaf(lambda context, frame: Lambda(parameters, body, context, frame, signature), depth)

    def _partial(self, node: Node, depth: int) -> Evaluate:
        procedure = self.compile(_procedure(node), depth + 1)
        arguments = [
            None if argument.kind == "hole" else self.compile(argument, depth + 1) for argument in node.parts
        ]
        name, field = _called(node)

        def evaluate(context: Any, frame: Frame) -> Any:
            values = [argument and argument(context, frame) for argument in arguments]
            holes = [index for index, argument in enumerate(arguments) if argument is None]
            function = procedure(context, frame)
            if function is UNDEFINED and field is not None and frame.lookup(field) is not UNDEFINED:
                raise Failure("T1007", token=field)
            if not is_function(function):
                raise Failure("T1008", token=name)
            return _partially(function, values, holes)

        return evaluate

    def _apply(self, node: Node, depth: int) -> Evaluate:
        first, second = node.parts
        argument = self.compile(first, depth + 1)
        if second.kind == "function":
            return self._function(second, depth, argument)
        function = self.compile(second, depth + 1)

        def evaluate(context: Any, frame: Frame) -> Any:
            value = argument(context, frame)
            applied = function(context, frame)
            if not is_function(applied):
                raise Failure("T2006", value=applied)
            if is_function(value):
                chain = Compiler(_CHAINED).compile(_CHAINED, depth + 1)
                return chain(None, frame.within({"first": value, "second": applied}))
            frame.run.depth = frame.base + depth
            return frame.run.call(applied, value)

        return evaluate

    def _transform(self, node: Node, depth: int) -> Evaluate:
        parts = [self.compile(part, 1) for part in node.parts]
        return self.leaf(lambda _, frame: transformer(parts, frame), depth)


def _procedure(node: Node) -> Node:
    assert node.procedure is not None  # noqa: S101 - the parser gives these nodes one
    return node.procedure


def _called(node: Node) -> tuple[Any, str | None]:
    """What a call calls, for messages; and the field, if it is a path that lacks its `$` perhaps."""
    procedure = _procedure(node)
    if procedure.kind != "path":
        return procedure.value if procedure.kind == "variable" else None, None
    first = procedure.parts[0].value
    return first, first if isinstance(first, str) else None


def _partially(function: Any, values: list[Any], holes: list[int]) -> Any:
    """Make a function of the arguments that are still missing."""
    if isinstance(function, Lambda):
        bound = dict(zip(function.parameters, values, strict=False))
        missing = [name for index, name in enumerate(function.parameters) if index in holes]
        names = dict.fromkeys(function.parameters, UNDEFINED) | {
            name: value for name, value in bound.items() if name not in missing
        }
        return Lambda(missing, function.body, function.context, function.frame.within(names))

    def fill(run: Run, *rest: Any) -> Any:
        filled = list(values)
        for index, hole in enumerate(holes):
            filled[hole] = rest[index] if index < len(rest) else UNDEFINED
        return _unchecked(run, function, filled)

    return Native(fill, None, len(holes))


def _unchecked(run: Run, function: Any, arguments: list[Any]) -> Any:
    if isinstance(function, Native):
        return function.implementation(run, *arguments)
    return apply(run, function, arguments, None)


def _gives_no_sequence(node: Node) -> bool:
    return node.kind in _PLAIN or (node.kind == "binary" and node.value != "..")


def _overflow(_: Any, __: Frame) -> Any:
    raise too_deep()


def _finished(evaluate: Evaluate) -> Evaluate:
    """Let what stands for a sequence take its place."""

    def finished(context: Any, frame: Frame) -> Any:
        value = evaluate(context, frame)
        return unwrapped(value) if isinstance(value, Sequence) else value

    return finished


def _kept(evaluate: Evaluate) -> Evaluate:
    """Keep a sequence an array, even of one value."""

    def kept(context: Any, frame: Frame) -> Any:
        value = evaluate(context, frame)
        if isinstance(value, Sequence):
            value.keep = True
            return unwrapped(value)
        return value

    return kept


def _all(root: Node) -> list[Node]:
    """A node and all nodes within it, in no order."""
    found, waiting = [], [root]
    while waiting:
        node = waiting.pop()
        found.append(node)
        waiting.extend(node.children())
    return found


_CHAINED = parse(_CHAIN)
_PLAIN = frozenset(
    {
        *("string", "number", "value", "name", "variable", "regex", "negate", "array", "object"),
        *("block", "condition", "bind", "lambda", "tail", "partial", "transform"),
    }
)
"""What never gives a sequence."""
_KINDS: dict[str, Callable[[Compiler, Node, int], Evaluate]] = {
    "string": Compiler._literal,
    "number": Compiler._literal,
    "value": Compiler._literal,
    "name": Compiler._name,
    "variable": Compiler._variable,
    "parent": Compiler._parent,
    "wildcard": Compiler._wildcard,
    "descendant": Compiler._descendant,
    "regex": Compiler._regex,
    "path": Compiler._path,
    "binary": Compiler._operation,
    "negate": Compiler._negate,
    "array": Compiler._array,
    "object": Compiler._object,
    "block": Compiler._block,
    "condition": Compiler._condition,
    "bind": Compiler._bind,
    "function": Compiler._function,
    "tail": Compiler._tail,
    "lambda": Compiler._lambda,
    "partial": Compiler._partial,
    "apply": Compiler._apply,
    "transform": Compiler._transform,
}
