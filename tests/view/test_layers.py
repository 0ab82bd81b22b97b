"""Layouts of random graphs: nothing overlaps, and what follows is below."""

import math
import random
from itertools import pairwise

import pytest

from asfini.view._layers import Layout, lay_out
from asfini.view._spots import Link, Spot

Laid = tuple[list[Spot], list[Link], Layout]


def laid_out(seed: int) -> Laid:
    """A random graph, with loops, edges between the same boxes and boxes that nothing leads to."""
    chance = random.Random(seed)
    boxes = [Spot(chance.uniform(20, 300), chance.uniform(20, 200)) for _ in range(chance.randrange(1, 30))]
    links = []
    for _ in range(chance.randrange(3 * len(boxes))):
        width = chance.choice([0.0, 0.0, 80.0])
        source, target = chance.choice(boxes), chance.choice(boxes)
        links.append(Link(source, target, width, 14.0 if width else 0.0, chance.random() < 0.3))
    return boxes, links, lay_out(boxes, links)


@pytest.fixture(params=range(60))
def laid(request: pytest.FixtureRequest) -> Laid:
    return laid_out(request.param)


def test_what_stands_in_one_layer_does_not_overlap(laid: Laid) -> None:
    boxes, links, _ = laid
    layers: dict[int, list[Spot]] = {}
    for spot in [*boxes, *(bend for link in links for bend in link.bends)]:
        layers.setdefault(spot.layer, []).append(spot)
    for layer in layers.values():
        for one, other in pairwise(sorted(layer, key=lambda spot: spot.x)):
            assert other.x - other.width / 2 > one.x + one.width / 2 + 10


def test_edges_lead_downwards_unless_they_are_part_of_a_loop(laid: Laid) -> None:
    _, links, _ = laid
    for link in links:
        assert link.back == (link.source.layer >= link.target.layer)
        layers = [link.source.layer, *(bend.layer for bend in link.bends), link.target.layer]
        way = layers[1:-1] if link.back else layers
        assert {other - one for one, other in pairwise(way)} <= {-1 if link.back else 1}


def test_all_is_within_the_picture(laid: Laid) -> None:
    boxes, links, layout = laid
    for spot in [*boxes, *(bend for link in links for bend in link.bends)]:
        assert math.isfinite(spot.x)
        assert spot.x - spot.width / 2 >= -0.01
        assert spot.x + spot.width / 2 <= layout.width + 0.01
        assert layout.tops[spot.layer] <= spot.y <= layout.bottoms[spot.layer] <= layout.height


def test_the_same_graph_is_laid_out_the_same_way() -> None:
    for seed in range(10):
        one, other = laid_out(seed), laid_out(seed)
        assert [(box.x, box.y) for box in one[0]] == [(box.x, box.y) for box in other[0]]
