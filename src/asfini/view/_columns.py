"""Placing the spots of layers across, so that most edges are straight.

After Brandes and Köpf, Fast and Simple Horizontal Coordinate Assignment (2001): spots that are joined are
lined up in columns, columns are pushed together; that is done four times, from each corner, and each spot
goes to the middle of the four places found.
"""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

from asfini.view._spots import Spot

Layers = Sequence[Sequence[Spot]]
_Distance = Callable[[Spot, Spot], float]


def place_across(layers: Layers, distance: _Distance) -> None:
    """Give each spot its `x`.

    Args:
        layers: the spots in their order, each with its neighbours in the layers above and below.
        distance: how far apart, at least, the middles of two spots are that stand side by side.
    """
    conflicts = _conflicts(layers)
    places = [
        _placed(layers, conflicts, distance, upwards=upwards, leftwards=leftwards)
        for upwards in (False, True)
        for leftwards in (False, True)
    ]
    _line_up(places, [spot for layer in layers for spot in layer])


def _conflicts(layers: Layers) -> set[tuple[int, int]]:
    """The edges that cross one between two bends: that one is to be straight."""
    found: set[tuple[int, int]] = set()
    for layer in layers:
        left, done = -1, 0
        for number, spot in enumerate(layer):
            bend = next((other for other in spot.above if other.is_bend), None) if spot.is_bend else None
            if bend is None and number < len(layer) - 1:
                continue
            right = math.inf if bend is None else bend.place
            for between in layer[done : number + 1]:
                for other in between.above:
                    inner = between.is_bend and other.is_bend
                    if not inner and not left <= other.place <= right:
                        found |= {(id(between), id(other)), (id(other), id(between))}
            left, done = (left if bend is None else bend.place), number + 1
    return found


def _placed(
    layers: Layers, conflicts: set[tuple[int, int]], distance: _Distance, *, upwards: bool, leftwards: bool
) -> dict[int, float]:
    """Places as seen from one corner, by identity."""
    seen = [layer[::-1] if leftwards else layer for layer in (reversed(layers) if upwards else layers)]
    sign = -1 if leftwards else 1
    roots = _columns(seen, conflicts, sign, upwards=upwards)
    columns = _pushed(seen, roots, distance)
    return {id(spot): sign * columns[roots[id(spot)]] for layer in layers for spot in layer}


def _columns(layers: Layers, conflicts: set[tuple[int, int]], sign: int, *, upwards: bool) -> dict[int, int]:
    """Line each spot up with the middle one of those before it; tells each spot's column."""
    roots = {id(spot): id(spot) for layer in layers for spot in layer}
    taken: set[int] = set()
    for layer in layers:
        last = -math.inf
        for spot in layer:
            before = sorted(_heavy(spot, upwards), key=lambda other: sign * other.place)
            middle = (len(before) - 1) / 2
            for number in sorted({math.floor(middle), math.ceil(middle)}) if before else ():
                other = before[number]
                free = id(other) not in taken and (id(spot), id(other)) not in conflicts
                if roots[id(spot)] == id(spot) and last < sign * other.place and free:
                    roots[id(spot)] = roots[id(other)]
                    taken.add(id(other))
                    last = sign * other.place
    return roots


def _heavy(spot: Spot, upwards: bool) -> Sequence[Spot]:
    """The neighbours that a spot is lined up with: those with the heavier edges, if there are such."""
    before = spot.below if upwards else spot.above
    return [other for other in before if not other.is_light] or before


def _pushed(layers: Layers, roots: dict[int, int], distance: _Distance) -> dict[int, float]:
    """Push columns together: as far to the left as possible, then to the right where there is room."""
    after: dict[int, dict[int, float]] = {root: {} for root in roots.values()}
    waiting = dict.fromkeys(after, 0)
    for layer in layers:
        for one, other in pairwise(layer):
            left, right, least = roots[id(one)], roots[id(other)], distance(one, other)
            waiting[right] += right not in after[left]
            after[left][right] = max(after[left].get(right, 0.0), least)
    places = dict.fromkeys(after, 0.0)
    order = [root for root in after if not waiting[root]]
    for root in order:
        for right, least in after[root].items():
            places[right] = max(places[right], places[root] + least)
            waiting[right] -= 1
            if not waiting[right]:
                order.append(right)
    for root in reversed(order):
        if after[root]:
            places[root] = max(places[root], min(places[right] - gap for right, gap in after[root].items()))
    return places


def _line_up(places: list[dict[int, float]], spots: Sequence[Spot]) -> None:
    """Move the four pictures over the narrowest one, and take the middle of each spot's four places."""
    edges = [
        (
            min(found[id(spot)] - spot.width / 2 for spot in spots),
            max(found[id(spot)] + spot.width / 2 for spot in spots),
        )
        for found in places
    ]
    left, right = min(edges, key=lambda edge: edge[1] - edge[0])
    shifts = [right - own[1] if number % 2 else left - own[0] for number, own in enumerate(edges)]
    for spot in spots:
        found = sorted(each[id(spot)] + shift for each, shift in zip(places, shifts, strict=True))
        spot.x = (found[1] + found[2]) / 2
