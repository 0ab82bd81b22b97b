"""Graphs of machines as Mermaid, DOT and SVG."""

import json
import re
import shutil
import subprocess
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

import asfini
from asfini import (
    And,
    Choice,
    Definition,
    Fail,
    IsPresent,
    Lambda,
    Map,
    NumericGreaterThan,
    NumericGreaterThanPath,
    Parallel,
    Pass,
    Rule,
    StateMachine,
    StringEquals,
    Succeed,
    Task,
    Wait,
    construct_state_machine,
)
from asfini.view import Graph, graph
from asfini.view._wording import rule_said

MACHINES = Path(__file__).parents[3] / "shared" / "definitions" / "machines"
FILES = sorted(MACHINES.glob("*.json"))
DOT = shutil.which("dot")
SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = '</script><script>alert(1)</script>"] --> end {{x}} \\" & \x00 \ud800 \n `'


def shop() -> StateMachine:
    size = Choice("large?")
    pay = Task("pay", Lambda("pay"))
    pay.retry_for(["Busy", "States.Timeout"], max_attempts=2)
    pay.catch(["Declined"], Fail("refused", error="Declined"))
    each = Map("each parcel", Task("pack", Lambda("pack")), items_path="$.parcels")
    both = Parallel("prepare").add(Pass("wrap")).add(Wait("dry", 30))
    size.add(NumericGreaterThan("$.pence", 5000), pay)
    size.set_default(both)
    pay >> both >> each >> Succeed("sent")
    return construct_state_machine("shop", size)


def drawn(machine: Any) -> ElementTree.Element:
    return ElementTree.fromstring(graph(machine).to_svg().encode("utf-8", "surrogatepass"))


def texts(svg: ElementTree.Element) -> list[str]:
    return [element.text or "" for element in svg.iter(f"{SVG}text")]


def boxes(svg: ElementTree.Element) -> list[tuple[float, float, float, float]]:
    """The rectangles of states: left, top, right, bottom."""
    found = []
    for element in svg.iter(f"{SVG}rect"):
        if element.get("class") == "box":
            x, y, width, height = (float(element.get(name, "")) for name in ("x", "y", "width", "height"))
            found.append((x, y, x + width, y + height))
    return found


class TestStructure:
    def test_states_come_with_what_they_do(self) -> None:
        nodes = {node.name: node for node in graph(shop()).walk()}
        assert list(nodes) == [
            "large?", "pay", "prepare", "wrap", "dry", "each parcel", "pack", "sent", "refused",
        ]  # fmt: skip
        assert nodes["pay"].retries == ["Busy, States.Timeout ×2"]
        assert nodes["dry"].kind == "Wait: 30 s"
        assert nodes["pack"].kind == "Task: function pack"
        assert nodes["refused"].kind == "Fail: Declined"
        assert [part.title for part in nodes["prepare"].parts] == ["branch 0", "branch 1"]

    def test_transitions_say_when_they_are_taken(self) -> None:
        edges = {(edge.source.name, edge.target.name): edge for edge in graph(shop()).edges}
        assert edges["large?", "pay"].labels == ["$.pence > 5000"]
        assert edges["large?", "prepare"].labels == ["otherwise"]
        assert (edges["pay", "refused"].kind, edges["pay", "refused"].labels) == ("catch", ["Declined"])

    def test_rules_with_one_target_share_an_edge(self) -> None:
        choice, end = Choice("which"), Pass("end")
        for letter in "abcd":
            choice.add(StringEquals("$.x", letter), end)
        (edge,) = graph(choice).edges
        assert edge.labels == [f'$.x = "{letter}"' for letter in "abcd"]
        assert texts(drawn(choice))[:3] == ['$.x = "a"', '$.x = "b"', "or 2 more"]

    def test_a_distributed_map_says_that_its_items_run_by_themselves(self) -> None:
        processor = {"ProcessorConfig": {"Mode": "DISTRIBUTED"}, "StartAt": "p", "States": {"p": {}}}
        made = graph({"StartAt": "m", "States": {"m": {"Type": "Map", "ItemProcessor": processor}}})
        assert made.nodes["m"].parts[0].title == "each item, as an execution of its own"

    def test_a_state_that_is_missing_is_drawn_as_missing(self) -> None:
        made = graph({"StartAt": "gone", "States": {"a": {"Type": "Pass", "Next": "away"}}})
        assert [(node.name, node.type) for node in made.walk()] == [
            ("a", "Pass"),
            ("away", "Missing"),
            ("gone", "Missing"),
        ]

    @pytest.mark.parametrize(
        "definition",
        [
            {},
            {"States": 1, "StartAt": []},
            {"States": {"a": 1, "b": {"Type": 7, "Choices": [3], "Catch": {}, "Retry": "x"}}},
            {
                "States": {
                    "a": {"Type": "Map", "ItemProcessor": []},
                    "b": {"Type": "Parallel", "Branches": {}},
                }
            },
            {"StartAt": "p", "States": {"p": {"Type": "Parallel", "Branches": []}}},
        ],
    )
    def test_nonsense_is_drawn_as_far_as_it_goes(self, definition: dict[str, Any]) -> None:
        assert ElementTree.fromstring(graph(definition).to_svg()).tag == f"{SVG}svg"
        assert graph(definition).to_mermaid().startswith("flowchart TD\n")
        assert graph(definition).to_dot().endswith("}\n")


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (NumericGreaterThanPath("$.a", "$.b"), "$.a > $.b"),
        (IsPresent("$.a"), "$.a is present"),
        (~IsPresent("$.a"), "not $.a is present"),
        (IsPresent("$.a", False), "$.a is not present"),
        (And([IsPresent("$.a"), StringEquals("$.a", "x") | IsPresent("$.b")]),
         '$.a is present and ($.a = "x" or $.b is present)'),
        (asfini.Condition("{% $states.input.n > 10 %}"), "$states.input.n > 10"),
    ],
)  # fmt: skip
def test_a_rule_is_said_in_a_few_words(rule: Rule, said: str) -> None:
    assert rule_said(rule.to_dict()) == said


class TestSvg:
    def test_it_tells_states_rules_and_errors(self) -> None:
        said = texts(drawn(shop()))
        assert {"large?", "pay", "↻ Busy, States.Timeout ×2", "$.pence > 5000", "branch 1"} <= set(said)
        assert said.count("each item") == 1

    def test_edges_of_catchers_are_told_apart(self) -> None:
        kinds = [element.get("class") for element in drawn(shop()).iter(f"{SVG}g")]
        assert kinds.count("link catch") == 1
        assert kinds.count("link default") == 1

    def test_boxes_do_not_overlap_unless_one_holds_the_other(self) -> None:
        found = boxes(drawn(shop()))
        assert len(found) == 8
        for number, one in enumerate(found):
            for other in found[number + 1 :]:
                apart = one[2] < other[0] or other[2] < one[0] or one[3] < other[1] or other[3] < one[1]
                assert apart or inside(one, other) or inside(other, one), (one, other)

    def test_what_follows_is_below(self) -> None:
        first, second, third = Pass("a"), Pass("b"), Pass("c")
        first >> second >> third
        tops = [top for _, top, _, _ in boxes(drawn(first))]
        assert all(one < other for one, other in pairwise(tops))

    def test_a_long_chain_is_one_straight_column(self) -> None:
        states = [Pass(f"state {number}") for number in range(300)]
        for one, other in pairwise(states):
            one >> other
        found = boxes(drawn(Definition.starting_at(states[0])))
        assert len({(left + right) / 2 for left, _, right, _ in found}) == 1

    def test_a_loop_leads_back_to_the_top_of_its_state(self) -> None:
        again, wait = Choice("again?"), Wait("wait", 5)
        again.add(IsPresent("$.more"), wait)
        again.set_default(Succeed("done"))
        wait >> again
        svg = drawn(again)
        paths = [element.get("d", "") for element in svg.iter(f"{SVG}path") if element.get("class") == "edge"]
        heights = [[float(y) for y in re.findall(r"-?[\d.]+ (-?[\d.]+)", path)] for path in paths]
        assert sum(ys[0] > ys[-1] for ys in heights) == 1

    def test_long_names_are_cut_and_told_whole_in_the_title(self) -> None:
        name = "a state whose name is much too long to be read in a box, " + "x" * 20
        svg = drawn(Pass(name))
        assert any(text.endswith("…") for text in texts(svg))
        assert name in [(title.text or "").split("\n")[0] for title in svg.iter(f"{SVG}title")]

    def test_it_is_the_same_each_time(self) -> None:
        assert graph(shop()).to_svg() == graph(shop()).to_svg()

    def test_it_heeds_who_likes_it_dark(self) -> None:
        assert "@media (prefers-color-scheme: dark)" in shop().to_svg()

    def test_it_is_shown_in_notebooks(self) -> None:
        assert shop()._repr_svg_() == shop().to_svg() == graph(shop())._repr_svg_()


def inside(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one[0] > other[0] and one[1] > other[1] and one[2] < other[2] and one[3] < other[3]


def hostile() -> dict[str, Any]:
    """A machine in which all that is shown is hostile."""
    branch = {"StartAt": "in", "States": {"in": {"Type": "Task", "Resource": HOSTILE, "End": True}}}
    rule = {"Variable": HOSTILE, "StringEquals": HOSTILE, "Next": HOSTILE}
    return {
        "StartAt": "choose",
        "States": {
            "choose": {"Type": "Choice", "Choices": [rule]},
            HOSTILE: {
                "Type": "Parallel",
                "Branches": [branch],
                "Retry": [{"ErrorEquals": [HOSTILE]}],
                "Catch": [{"ErrorEquals": [HOSTILE], "Next": HOSTILE}],
                "Next": f"{HOSTILE}!",
            },
        },
    }


class TestHostileText:
    def test_svg_holds_it_as_text(self) -> None:
        svg = graph(hostile()).to_svg()
        svg.encode()
        found = ElementTree.fromstring(svg)
        assert {element.tag for element in found.iter()} == {
            f"{SVG}{tag}" for tag in ("svg", "style", "rect", "g", "title", "path", "text", "circle")
        }

    def test_a_type_is_no_class_of_its_own(self) -> None:
        svg = graph({"States": {"a": {"Type": '"><script>'}}}).to_svg()
        assert ElementTree.fromstring(svg) is not None
        assert 'class="state Unknown"' in svg

    def test_mermaid_holds_it_as_entities(self) -> None:
        text = graph(hostile()).to_mermaid()
        assert "<script" not in text
        assert "`" not in text
        quoted = re.sub(r'"[^"]*"', "", text)
        assert "alert" not in quoted
        assert re.fullmatch(r"[\w\s{}()|\[\]>.\-]+", quoted)

    def test_dot_holds_it_as_quoted_text(self) -> None:
        text = graph(hostile()).to_dot()
        assert "alert" in text
        assert "alert" not in re.sub(r'"(?:[^"\\]|\\.)*"', "", text)

    def test_dot_takes_no_text_for_an_entity(self) -> None:
        assert '"a&amp;lt;b\\n' in graph({"States": {"a&lt;b": {"Type": "Pass"}}}).to_dot()

    @pytest.mark.parametrize("name", ["\0", "\ud83d", "a\x1bb", "\ufffe"])
    def test_what_no_picture_can_have_is_replaced(self, name: str) -> None:
        drawn = graph({"StartAt": name, "States": {name: {"Type": "Pass", "Next": name}}})
        for text in (drawn.to_svg(), drawn.to_dot(), drawn.to_mermaid()):
            text.encode()
            assert name not in text
        assert "\ufffd" in drawn.to_dot()

    @pytest.mark.parametrize("name", ["", " ", "\n"])
    def test_no_label_is_empty_whatever_names_are(self, name: str) -> None:
        state = {"Type": name, "Catch": [{"ErrorEquals": [name], "Next": "b"}]}
        drawn = graph({"StartAt": name, "States": {name: state, "b": {"Type": "Pass"}}})
        assert '""' not in drawn.to_mermaid()


class TestTextFormats:
    def test_mermaid_has_clusters_shapes_and_dashed_edges(self) -> None:
        lines = shop().to_mermaid().splitlines()
        assert lines[0] == "flowchart TD"
        assert '  s0{{"large#63;<br/>Choice"}}' in lines
        assert any(line.strip().startswith("subgraph") and "branch 1" in line for line in lines)
        assert any("-.->" in line and "Declined" in line for line in lines)
        assert "  start --> s0" in lines
        assert '  s1 -. "retry Busy, States.Timeout ×2" .-> s1' in lines
        assert not any("finish" in line for line in lines)
        assert "  s0 --> finish" in graph({"States": {"a": {"Type": "Pass", "End": True}}}).to_mermaid()
        assert sum(line.strip() == "end" for line in lines) == 5

    def test_dot_has_clusters_and_dashed_edges(self) -> None:
        text = shop().to_dot()
        assert text.startswith("digraph machine {\n")
        assert 'label="Declined", style=dashed' in text
        assert "subgraph cluster_s2 {" in text
        assert not re.findall(r"[^\w\s{}\[\];,=\->]", re.sub(r'"(?:[^"\\]|\\.)*"', "", text))

    def test_dot_goes_on_below_a_cluster_from_its_last_state(self) -> None:
        both = Parallel("both").add(Pass("one")).add(Map("each", Pass("two")))
        both.catch(["Odd"], both)
        both >> Pass("last")
        drawn = graph(both)
        keys = {node.name: node.key for node in drawn.walk()}
        lines = [line.strip() for line in drawn.to_dot().splitlines() if "->" in line]
        both_key, two, last = (keys[name] for name in ("both", "two", "last"))
        assert f"{two} -> {last} [style=solid, ltail=cluster_{both_key}];" in lines
        assert f'{both_key} -> {both_key} [label="Odd", style=dashed];' in lines
        assert f"start -> {both_key} [lhead=cluster_{both_key}];" in lines

    def test_names_are_cut_after_sixty_characters(self) -> None:
        for length, shown in ((60, "x" * 60), (61, f"{'x' * 59}…")):
            drawn = graph({"States": {"x" * length: {"Type": "Pass"}}})
            assert f'"{shown}<br/>Pass"' in drawn.to_mermaid()
            assert f'"{shown}\\nPass"' in drawn.to_dot()

    @pytest.mark.parametrize(("text", "said"), [("{% $a %}", "$a"), ("{% $a", "{% $a"), ("a %}", "a %}")])
    def test_only_the_marks_of_an_expression_are_left_out(self, text: str, said: str) -> None:
        assert rule_said({"Condition": text}) == said

    def test_both_are_the_same_each_time(self) -> None:
        assert shop().to_mermaid() == shop().to_mermaid()
        assert shop().to_dot() == shop().to_dot()


class TestRealMachines:
    @pytest.mark.skipif(not FILES, reason=f"no real machines in {MACHINES}")
    def test_all_are_drawn(self) -> None:
        wrong, made = [], 0
        for file in FILES:
            found: Graph = graph(json.loads(file.read_text(encoding="utf-8"))["definition"])
            names = [node.name for node in found.walk()]
            svg = ElementTree.fromstring(found.to_svg())
            keys = [element.get("data-state") for element in svg.iter(f"{SVG}g") if element.get("data-state")]
            if sorted(keys) != sorted(node.key for node in found.walk()) or len(set(keys)) != len(names):
                wrong.append(file.name)
            made += found.to_mermaid().startswith("flowchart") and found.to_dot().startswith("digraph")
        assert wrong == []
        assert made == len(FILES)

    @pytest.mark.skipif(not FILES, reason=f"no real machines in {MACHINES}")
    @pytest.mark.skipif(DOT is None, reason="there is no Graphviz")
    def test_graphviz_reads_all_of_them(self) -> None:
        texts = [graph(json.loads(file.read_text(encoding="utf-8"))["definition"]).to_dot() for file in FILES]
        texts.append(graph(hostile()).to_dot())
        command = [str(DOT), "-Tcanon"]
        told = subprocess.run(command, input="\n".join(texts).encode(), capture_output=True, check=True)
        assert told.stderr == b""
        assert told.stdout.count(b"digraph machine {") == len(texts)
