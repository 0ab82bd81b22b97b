"""What `%` refers to: the steps of paths that must remember the value they started from."""

from collections.abc import Callable

from asfini.query._jsonata.errors import Failure
from asfini.query._jsonata.syntax import Node, Slot


def pass_on(node: Node, part: Node) -> None:
    """Let a node seek what a part of it does."""
    slots = list(part.seeking or ())
    if part.slot is not None:
        slots.append(part.slot)
    if slots:
        node.seeking = [*(node.seeking or ()), *slots]


def resolve(path: Node, seek_in: Callable[[Node, Slot], None]) -> None:
    """Find the steps that the last one refers to with `%`; what is not in the path is sought outside."""
    last = path.parts[-1]
    slots = list(last.seeking or ())
    if last.slot is not None:
        slots.append(last.slot)
    for slot in slots:
        index = len(path.parts) - 2
        while slot.level > 0:
            if index < 0:
                path.seeking = [*(path.seeking or ()), slot]
                break
            step = path.parts[index]
            index -= 1
            while index >= 0 and step.focus and path.parts[index].focus:  # They bind the same value
                step = path.parts[index]
                index -= 1
            seek_in(step, slot)


def seek(node: Node, slot: Slot, slots: list[Slot]) -> None:
    """Let a node, or what is within it, remember its ancestor for a slot, if it is as many levels up.

    Args:
        node: a step, or a predicate's operand.
        slot: what is sought; its level counts down.
        slots: the expression's slots by index.

    Raises:
        Failure: the node has no such thing as an ancestor.
    """
    if node.kind in ("name", "wildcard"):
        slot.level -= 1
        if slot.level == 0:
            if node.ancestor is not None:
                slots[slot.index].label = node.ancestor.label
            node.ancestor = slot
            node.tuple = True
    elif node.kind == "parent":
        slot.level += 1
    elif node.kind == "block":
        if node.parts:
            node.tuple = True
            seek(node.parts[-1], slot, slots)
    elif node.kind == "path":
        node.tuple = True
        for step in reversed(node.parts):
            seek(step, slot, slots)
            if slot.level <= 0:
                break
    else:
        raise Failure("S0217", token=node.kind)
