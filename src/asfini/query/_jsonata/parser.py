"""From tokens to nodes: top-down operator precedence, each node finished as soon as its operands are."""

from collections.abc import Callable
from typing import Any

from asfini.query._jsonata import ancestry
from asfini.query._jsonata.errors import Failure
from asfini.query._jsonata.signatures import Signature
from asfini.query._jsonata.syntax import Node, Slot, Stage
from asfini.query._jsonata.tokens import Token, Tokens

MAX_LENGTH = 32_768
"""The characters of an expression: it takes about a tenth of a second to parse so many."""
_MAX_SEARCH = 1_000_000
"""The `%` of an expression times its characters: for each, much of the expression may have to be searched."""
_POWERS = {
    "(": 80,
    "[": 80,
    "@": 80,
    "#": 80,
    ".": 75,
    "{": 70,
    "*": 60,
    "/": 60,
    "%": 60,
    "+": 50,
    "-": 50,
    "&": 50,
    "=": 40,
    "<": 40,
    ">": 40,
    "^": 40,
    "!=": 40,
    "<=": 40,
    ">=": 40,
    "~>": 40,
    "in": 40,
    "and": 30,
    "or": 25,
    "?": 20,
    ":=": 10,
}
"""How strongly an operator binds what stands before it."""
_UNUSABLE = frozenset({"!", "~"})
_LAMBDA_NAMES = frozenset({"function", "λ"})


def parse(text: str) -> Node:
    """Parse an expression.

    Raises:
        Failure: it is none.
    """
    if len(text) > MAX_LENGTH:
        raise Failure(
            None, f"The expression has {len(text):,} characters, but at most {MAX_LENGTH:,} are read"
        )
    try:
        return _Parser(text).parse()
    except RecursionError:
        raise Failure(None, "The expression is nested too deeply") from None


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens = Tokens(text)
        self._length = len(text)
        self._token = self._next(infix=False)
        self._slots: list[Slot] = []
        self._complaint: Failure | None = None

    def parse(self) -> Node:
        node = self._expression(0)
        if self._token.kind != "end":
            raise Failure("S0201", token=self._token.value)
        if self._complaint is not None:
            raise self._complaint
        if node.kind == "parent" or node.seeking is not None:
            raise Failure("S0217")
        return node

    def _complain(self, code: str, **details: Any) -> None:
        """Note what is wrong with what can be parsed: it counts if nothing else is wrong."""
        if self._complaint is None:
            self._complaint = Failure(code, **details)

    # Tokens

    def _next(self, infix: bool) -> Token:
        token = self._tokens.next(infix)
        if token.kind == "operator" and token.value in _UNUSABLE:
            raise Failure("S0204", token=token.value)
        return token

    def _at(self, operator: str) -> bool:
        return self._token.kind == "operator" and self._token.value == operator

    def _skip(self, operator: str, infix: bool = False) -> None:
        """Go past an operator that must stand here.

        Args:
            operator: the operator.
            infix: whether another may follow, so that `/` divides.
        """
        if not self._at(operator):
            if self._token.kind == "end":
                raise Failure("S0203", value=operator)
            raise Failure("S0202", value=operator, token=self._token.value)
        self._token = self._next(infix)

    def _take(self, operator: str) -> bool:
        """Go past an operator if it stands here."""
        found = self._at(operator)
        if found:
            self._token = self._next(infix=False)
        return found

    def _expression(self, power: int) -> Node:
        token = self._token
        self._token = self._next(infix=True)
        left = self._prefixed(token)
        while self._token.kind == "operator" and _POWERS.get(self._token.value, 0) > power:
            operator = self._token.value
            self._token = self._next(infix=False)
            left = _INFIX.get(operator, _Parser._binary)(self, left, operator)
        return left

    # What begins an expression

    def _prefixed(self, token: Token) -> Node:
        if token.kind == "operator":
            read = _PREFIX.get(token.value)
            if read is None:
                raise Failure("S0211", token=token.value)
            return read(self, token)
        if token.kind == "end":
            self._complain("S0207")
        if token.kind == "name":
            return _name(token.value)
        return Node(token.kind, token.value)

    def _word(self, token: Token) -> Node:
        return _name(token.value)

    def _wildcard(self, token: Token) -> Node:
        return Node("wildcard" if token.value == "*" else "descendant", token.value)

    def _parent(self, _: Token) -> Node:
        slot = Slot(f"!{len(self._slots)}", 1, len(self._slots))
        self._slots.append(slot)
        if len(self._slots) * self._length > _MAX_SEARCH:
            raise Failure(None, 'The expression has too many "%" for its length')
        return Node("parent", slot=slot)

    def _negative(self, _: Token) -> Node:
        operand = self._expression(70)
        if operand.kind == "number":
            operand.value = -operand.value
            return operand
        return self._passing_on(Node("negate", "-", [operand]))

    def _block(self, _: Token) -> Node:
        block = Node("block")
        while not self._at(")"):
            block.parts.append(self._expression(0))
            if not self._take(";"):
                break
        self._skip(")", infix=True)
        block.constructs = any(
            part.constructs or (part.kind == "path" and part.parts[0].constructs) for part in block.parts
        )
        return self._passing_on(block)

    def _array(self, _: Token) -> Node:
        array = Node("array", "[")
        if not self._at("]"):
            array.parts.append(self._item())
            while self._take(","):
                array.parts.append(self._item())
        self._skip("]", infix=True)
        return self._passing_on(array)

    def _item(self) -> Node:
        item = self._expression(0)
        if self._take(".."):
            return self._passing_on(Node("binary", "..", [item, self._expression(0)]))
        return item

    def _object(self, _: Token) -> Node:
        return self._passing_on(Node("object", "{", pairs=self._pairs()))

    def _pairs(self) -> list[tuple[Node, Node]]:
        pairs = []
        if not self._at("}"):
            pairs.append(self._pair())
            while self._take(","):
                pairs.append(self._pair())
        self._skip("}", infix=True)
        return pairs

    def _pair(self) -> tuple[Node, Node]:
        key = self._expression(0)
        self._skip(":")
        return key, self._expression(0)

    def _transform(self, _: Token) -> Node:
        parts = [self._expression(0)]
        self._skip("|")
        parts.append(self._expression(0))
        if self._take(","):
            parts.append(self._expression(0))
        self._skip("|")
        return Node("transform", "|", parts)

    # What goes on with an expression

    def _binary(self, left: Node, operator: str) -> Node:
        return self._passing_on(Node("binary", operator, [left, self._expression(_POWERS[operator])]))

    def _application(self, left: Node, operator: str) -> Node:
        right = self._expression(_POWERS[operator])
        return Node("apply", operator, [left, right], keep_array=left.keep_array or right.keep_array)

    def _step(self, left: Node, operator: str) -> Node:
        path = left if left.kind == "path" else Node("path", parts=[left])
        path.bare = False
        if left.kind == "parent" and left.slot is not None:
            path.seeking = [left.slot]
        right = self._expression(_POWERS[operator])
        if right.kind != "path":
            right.stages, right.predicates = right.predicates, None
        steps = right.parts if right.kind == "path" else [right]
        for step in (path.parts[0], *steps):
            self._check_step(path, step)
        path.parts += steps
        for step in (path.parts[0], path.parts[-1]):
            step.constructs = step.constructs or step.kind == "array"
        ancestry.resolve(path, self._seek)
        return path

    def _check_step(self, path: Node, step: Node) -> None:
        if step.kind in ("number", "value"):
            self._complain("S0213", value=step.value)
        elif step.kind == "string":
            step.kind = "name"
        path.keep_singleton = path.keep_singleton or step.keep_array

    def _predicate(self, left: Node, _: str) -> Node:
        if self._at("]"):
            self._token = self._next(infix=False)
            return _kept(left)
        predicate = self._expression(0)
        self._skip("]", infix=True)
        step = left.last
        if step.group is not None:
            self._complain("S0209")
        if predicate.seeking is not None:
            for slot in predicate.seeking:
                if slot.level == 1:
                    self._seek(step, slot)
                else:
                    slot.level -= 1
            ancestry.pass_on(step, predicate)
        if left.kind == "path":
            step.stages = step.stages or []
            step.stages.append(Stage(predicate))
        else:
            step.predicates = step.predicates or []
            step.predicates.append(Stage(predicate))
        return left

    def _grouping(self, left: Node, _: str) -> Node:
        group = Node("object", "{", pairs=self._pairs())
        if left.group is not None:
            self._complain("S0210")
        left.group = group
        left.bare = False
        return left

    def _order(self, left: Node, _: str) -> Node:
        self._skip("(")
        sort = Node("sort", "^")
        while not sort.parts or self._take(","):
            sort.descending = (*sort.descending, self._at(">"))
            if not self._take("<"):
                self._take(">")
            sort.parts.append(self._expression(0))
        self._skip(")")
        self._passing_on(sort)
        path = left if left.kind == "path" else Node("path", parts=[left])
        path.bare = False
        path.parts.append(sort)
        ancestry.resolve(path, self._seek)
        return path

    def _binding(self, left: Node, _: str) -> Node:
        if left.kind != "variable" or left.predicates or left.group:
            raise Failure("S0212", token=left.value)
        return self._passing_on(Node("bind", left.value, [self._expression(_POWERS[":="] - 1)]))

    def _variable(self, operator: str) -> str:
        right = self._expression(_POWERS[operator])
        if right.kind != "variable":
            raise Failure("S0214", token=operator)
        return str(right.value)

    def _focus(self, left: Node, operator: str) -> Node:
        name = self._variable(operator)
        step = left.last
        if step.stages is not None or step.predicates is not None:
            self._complain("S0215")
        if step.kind == "sort":
            self._complain("S0216")
        step.focus, step.tuple = name, True
        left.bare = False
        return left

    def _counting(self, left: Node, operator: str) -> Node:
        name = self._variable(operator)
        path, step = left, left.last
        if left.kind != "path":
            path = Node("path", parts=[left])
            step.stages, step.predicates = step.predicates, None
        if step.stages is None:
            step.index = name
        else:
            step.stages.append(Stage(index=name))
        step.tuple = True
        path.bare = False
        return path

    def _conditional(self, left: Node, _: str) -> Node:
        parts = [left, self._expression(0)]
        if self._take(":"):
            parts.append(self._expression(0))
        return self._passing_on(Node("condition", "?", parts))

    def _call(self, left: Node, _: str) -> Node:
        call = Node("function", "(", procedure=left)
        if not self._at(")"):
            self._argument(call)
            while self._take(","):
                self._argument(call)
        self._skip(")", infix=True)
        if left.bare and left.parts[0].value in _LAMBDA_NAMES and not left.parts[0].stages:
            return self._lambda(call)
        return self._passing_on(call)

    def _argument(self, call: Node) -> None:
        if self._take("?"):
            call.kind = "partial"
            call.parts.append(Node("hole"))
        else:
            call.parts.append(self._expression(0))

    def _lambda(self, call: Node) -> Node:
        for index, parameter in enumerate(call.parts, 1):
            if parameter.kind != "variable" or parameter.predicates:
                raise Failure("S0208", value=index, token=parameter.value)
        signature = self._signature() if self._at("<") else None
        self._skip("{")
        body = self._expression(0)
        self._skip("}")
        return Node("lambda", parts=call.parts, procedure=_tail(body), signature=signature)

    def _signature(self) -> Signature:
        text, depth = "<", 1
        while depth and not self._at("{") and self._token.kind != "end":
            self._token = self._next(infix=False)
            depth += self._at("<") - self._at(">")
            text += str(self._token.value)
        self._skip(">")
        return Signature(text)

    # What `%` refers to

    def _seek(self, step: Node, slot: Slot) -> None:
        try:
            ancestry.seek(step, slot, self._slots)
        except Failure as failure:
            if self._complaint is None:
                self._complaint = failure
            slot.level = 0

    def _passing_on(self, node: Node) -> Node:
        """Let a node seek what its operands do."""
        for part in node.parts:
            ancestry.pass_on(node, part)
        for pair in node.pairs:
            for part in pair:
                ancestry.pass_on(node, part)
        return node


def _name(name: str) -> Node:
    return Node("path", parts=[Node("name", name)], bare=True)


def _kept(left: Node) -> Node:
    """Make an array stay one: `[]`."""
    if left.bare or left.last.focus is not None:
        left.last.keep_array = True
    if left.bare:
        left.keep_singleton = True
    left.keep_array = True
    return left


def _tail(body: Node) -> Node:
    """Let who calls a function make the call that it ends with."""
    if body.kind == "function" and not body.predicates:
        return Node("tail", parts=body.parts, procedure=body.procedure)
    if body.kind == "condition":
        body.parts[1:] = map(_tail, body.parts[1:])
    elif body.kind == "block" and body.parts:
        body.parts[-1] = _tail(body.parts[-1])
    return body


_PREFIX: dict[str, Callable[[_Parser, Token], Node]] = {
    "and": _Parser._word,
    "or": _Parser._word,
    "in": _Parser._word,
    "*": _Parser._wildcard,
    "**": _Parser._wildcard,
    "%": _Parser._parent,
    "-": _Parser._negative,
    "(": _Parser._block,
    "[": _Parser._array,
    "{": _Parser._object,
    "|": _Parser._transform,
}
_INFIX: dict[str, Callable[[_Parser, Node, str], Node]] = {
    ".": _Parser._step,
    "[": _Parser._predicate,
    "{": _Parser._grouping,
    "^": _Parser._order,
    "(": _Parser._call,
    "@": _Parser._focus,
    "#": _Parser._counting,
    "?": _Parser._conditional,
    ":=": _Parser._binding,
    "~>": _Parser._application,
}
