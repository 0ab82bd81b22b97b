"""Laying out graphs in layers: boxes from top to bottom in the order in which they can follow each other.

The steps are those of Sugiyama, Tagawa and Toda (1981): loops are broken, boxes get layers, edges get a bend
in each layer that they pass, layers are put in an order with few crossings, and what follows each other is
put below each other. Boxes stand in even layers, the edges' labels in the odd ones between them; an edge that
leads back upwards leaves its box at the bottom, as all do, and reaches the other one at the top.
"""

from bisect import bisect_right, insort
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from asfini.view._columns import place_across
from asfini.view._spots import Link, Spot

GAP, EDGE_GAP = 28.0, 14.0
"""Between two boxes, and between an edge and what stands beside it."""
LAYER_GAP, TURN_GAP, LABEL_MARGIN = 30.0, 40.0, 9.0
"""Between two layers of boxes, where an edge turns round, and above and below labels."""
_FEWEST_SWEEPS, _MOST_SWEEPS, _WORK = 4, 16, 80_000
"""How often layers are sorted, and how many spots that may concern in all: few machines are that large."""


@dataclass(slots=True)
class Layout:
    """Where everything is: boxes and bends know their own places."""

    width: float
    height: float
    tops: list[float]
    """The upper edge of each layer."""
    bottoms: list[float]


def lay_out(boxes: Sequence[Spot], links: Sequence[Link]) -> Layout:
    """Give boxes and bends their places.

    Args:
        boxes: the boxes with their sizes, the one to start with first.
        links: the edges; bends are added to them.
    """
    _break_loops(boxes, links)
    _assign_layers(boxes, links)
    layers = _layers(boxes, links)
    _order(layers)
    place_across(layers, _distance)
    return _place_down(layers, links)


# Loops and layers


def _break_loops(boxes: Sequence[Spot], links: Sequence[Link]) -> None:
    """Find the edges that lead back to where they come from, by going through the graph in depth."""
    leaving: dict[int, list[Link]] = {id(box): [] for box in boxes}
    for link in links:
        leaving[id(link.source)].append(link)
    done: dict[int, bool] = {}  # false while on the way
    for root in boxes:
        if id(root) in done:
            continue
        done[id(root)] = False
        way = [(root, iter(leaving[id(root)]))]
        while way:
            box, rest = way[-1]
            following = next(rest, None)
            if following is None:
                done[id(box)] = True
                way.pop()
            elif id(following.target) not in done:
                done[id(following.target)] = False
                way.append((following.target, iter(leaving[id(following.target)])))
            else:
                following.back = not done[id(following.target)]


def _assign_layers(boxes: Sequence[Spot], links: Sequence[Link]) -> None:
    """Put each box below all that lead to it."""
    forward = [link for link in links if not link.back]
    leaving: dict[int, list[Spot]] = {id(box): [] for box in boxes}
    waiting = {id(box): 0 for box in boxes}
    for link in forward:
        leaving[id(link.source)].append(link.target)
        waiting[id(link.target)] += 1
    for box in boxes:
        box.layer = 2
    ready = deque(box for box in boxes if not waiting[id(box)])
    while ready:
        box = ready.popleft()
        for target in leaving[id(box)]:
            target.layer = max(target.layer, box.layer + 2)
            waiting[id(target)] -= 1
            if not waiting[id(target)]:
                ready.append(target)


def _layers(boxes: Sequence[Spot], links: Sequence[Link]) -> list[list[Spot]]:
    """Bend edges in every layer that they pass, and fill the layers, going through the graph in depth."""
    for link in links:
        first, last = link.source.layer + 1, link.target.layer - 1
        step = -1 if link.back else 1
        link.bends = [
            Spot(is_bend=True, is_light=link.is_light, layer=layer)
            for layer in range(first, last + step, step)
        ]
        link.bends[0].width, link.bends[0].height = link.label_width, link.label_height
        _join([link.source, *link.bends, link.target])
    layers: list[list[Spot]] = [[] for _ in range(max(box.layer for box in boxes) + 2)]
    seen: set[int] = set()
    for root in boxes:
        waiting = [root]
        while waiting:
            spot = waiting.pop()
            if id(spot) in seen:
                continue
            seen.add(id(spot))
            layers[spot.layer].append(spot)
            waiting += [*reversed(spot.above), *reversed(spot.below)]
    return layers


def _join(chain: Sequence[Spot]) -> None:
    for one, other in pairwise(chain):
        upper, lower = (one, other) if one.layer < other.layer else (other, one)
        upper.below.append(lower)
        lower.above.append(upper)


# Order within the layers


def _order(layers: list[list[Spot]]) -> None:
    """Sort each layer by where its neighbours stand, back and forth; keep what has the least crossings."""
    _number(layers)
    best, fewest = [list(layer) for layer in layers], _crossings(layers)
    affordable = _WORK // sum(map(len, layers))
    for sweep in range(max(_FEWEST_SWEEPS, min(_MOST_SWEEPS, affordable))):
        if not fewest:
            break
        down = sweep % 2 == 0
        for layer in layers if down else reversed(layers):
            _sort(layer, (lambda spot: spot.above) if down else (lambda spot: spot.below))
        found = _crossings(layers)
        if found < fewest:
            best, fewest = [list(layer) for layer in layers], found
    for layer, order in zip(layers, best, strict=True):
        layer[:] = order
    _number(layers)


def _number(layers: list[list[Spot]]) -> None:
    for layer in layers:
        for place, spot in enumerate(layer):
            spot.place = place


def _sort(layer: list[Spot], neighbours: Callable[[Spot], list[Spot]]) -> None:
    def middle(spot: Spot) -> float:
        places = [other.place for other in neighbours(spot)]
        return sum(places) / len(places) if places else float(spot.place)

    layer.sort(key=middle)
    for place, spot in enumerate(layer):
        spot.place = place


def _crossings(layers: list[list[Spot]]) -> int:
    """How often edges between neighbouring layers cross."""
    found = 0
    for layer in layers:
        seen: list[int] = []
        for spot in layer:
            ends = [other.place for other in spot.below]
            found += sum(len(seen) - bisect_right(seen, end) for end in ends)
            for end in ends:
                insort(seen, end)
    return found


# Places


def _distance(one: Spot, other: Spot) -> float:
    gap = EDGE_GAP if one.is_bend or other.is_bend else GAP
    return (one.width + other.width) / 2 + gap


def _place_down(layers: list[list[Spot]], links: Sequence[Link]) -> Layout:
    """Stack the layers, and move all to the right of and below nought."""
    turning = {bend.layer for link in links if link.back for bend in (link.bends[0], link.bends[-1])}
    spots = [spot for layer in layers for spot in layer]
    left = min(spot.x - spot.width / 2 for spot in spots)
    y, tops, bottoms = 0.0, [], []
    for number, layer in enumerate(layers):
        height = max((spot.height for spot in layer), default=0.0)
        if number % 2 and layer:
            least = TURN_GAP if number in turning else LAYER_GAP
            height = max(least, height + 2 * LABEL_MARGIN if height else 0.0)
        for spot in layer:
            spot.x, spot.y = spot.x - left, y + height / 2
        tops.append(y)
        y += height
        bottoms.append(y)
    return Layout(max(spot.x + spot.width / 2 for spot in spots), y, tops, bottoms)
