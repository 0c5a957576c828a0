"""Owns the question whether a graph keeps the rows of a run apart: follows them from the inputs to every output.

What no rule is known of mixes rows; only a proof makes requests share a run. Knows no sessions and no metadata.
docs/decisions.md: "Rows are followed through the graph".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from server.artefact.mixing.graph import Constant, Extent, Graph, ModelGraph, Node, Unclear
from server.artefact.mixing.loops import captured, check_order, origin, stacked
from server.artefact.mixing.node import Applied, Rule
from server.artefact.mixing.occurring import occurring
from server.artefact.mixing.patterns import looked_up, put_last
from server.artefact.mixing.reader import read_model
from server.artefact.mixing.rules.axes import ALONG_AXES
from server.artefact.mixing.rules.cutting import CUTTING
from server.artefact.mixing.rules.elementwise import ELEMENTWISE
from server.artefact.mixing.rules.elementwise import one as hash_rule
from server.artefact.mixing.rules.layers import ESTIMATORS, LAYERS, N_GRAMS, is_look_up
from server.artefact.mixing.rules.movement import COUNTS, MOVEMENT
from server.artefact.mixing.rules.scalars import SCALARS, apply
from server.artefact.mixing.rules.texts import TEXTS, TEXTS_MICROSOFT, TEXTS_ML, tokenizer
from server.artefact.mixing.rules.texts import put_last as move_last
from server.artefact.mixing.value import ROWS, Dim, Known, Mixed, NotProven, Value, shown
from server.artefact.onnxfile import BY_CHANCE
from server.artefact.wire import BadFile

OLDEST_OPSET = 7  # before it, operators broadcast otherwise
RULES: Mapping[str, Mapping[str, Rule]] = {
    "": {**ELEMENTWISE, **MOVEMENT, **CUTTING, **ALONG_AXES, **LAYERS, **N_GRAMS},
    "ai.onnx.ml": ESTIMATORS,
    "com.microsoft": {"MurmurHash3": hash_rule, "Tokenizer": tokenizer},
}
TEXT_RULES: Mapping[str, Mapping[str, Rule]] = {"": TEXTS, "ai.onnx.ml": TEXTS_ML, "com.microsoft": TEXTS_MICROSOFT}


def find_mixing(data: bytes) -> str | None:
    """Why the rows of a run may depend on each other, by operator and tensor; None where the graph proves they do not.

    A row's outputs are then the same, up to rounding, in every run. ``data``: what `read_onnxfile` has read.
    """
    try:
        model = read_model(data)
        if model.opsets.get("", 0) < OLDEST_OPSET:
            raise Unclear(f"the file is of an opset before {OLDEST_OPSET}")
        return _Analysis(model).run()
    except Unclear as unclear:
        return str(unclear)
    except (BadFile, IndexError):  # attributes are read when a rule asks for them
        return "the file cannot be read as a graph"
    except (ValueError, ArithmeticError, RecursionError):  # no proof, but no reason to refuse the file
        return "its numbers cannot be followed"


class _Analysis:
    def __init__(self, model: ModelGraph) -> None:
        self._model = model
        self._constants: Mapping[str, Constant] = {}  # of the graph that is followed
        self._row_names: set[str] = set()  # by which the file calls the number of rows

    def run(self) -> str | None:
        graph = self._model.graph
        known: dict[str, Known] = {}
        for name in graph.inputs:
            if name not in graph.constants:
                known[name] = self._input(name, graph.declared[name])
        if not known:
            raise Unclear("the graph has no inputs")
        self._follow(graph, known)
        return self._conclusion(graph, known)

    def _conclusion(self, graph: Graph, known: Mapping[str, Known]) -> str | None:
        for name in graph.outputs:
            value = known.get(name, Mixed(f"the output {shown(name)} is made by no node"))
            if isinstance(value, Mixed):
                return value.why
            if value.texts is not None:
                return f"the output {shown(name)} is as wide as the longest text of the run"
            if not value.has_rows or value.row_axis:
                return f"the output {shown(name)} does not have a row for each row of the inputs first"
        return None if graph.outputs else "the graph has no outputs"

    def _input(self, name: str, declared: tuple[Extent, ...] | None) -> Known:
        if not declared or isinstance(declared[0], int):
            return Mixed(f"the first axis of the input {shown(name)} is not that of any number of rows")
        if declared[0] is not None:
            self._row_names.add(declared[0])
        sizes = (extent if isinstance(extent, int) and extent > 0 else None for extent in declared[1:])
        return Value((ROWS, *sizes))

    def _follow(self, graph: Graph, known: dict[str, Known]) -> None:
        """Adds the values of all tensors of a graph to what is known of its inputs and of what lies around it."""
        for name in {name for node in graph.nodes for name in node.outputs} & known.keys() - set(graph.inputs):
            del known[name]  # of a graph around it: the name is this graph's own, also before its node
        for name, constant in graph.constants.items():
            known[name] = Value(constant.dims, constant.numbers, constant.scalar, constant)
        made = set(graph.constants) | set(graph.inputs)
        used = {name for node in graph.nodes for name in node.inputs}
        if any(node.attributes.graphs for node in graph.nodes):  # these may use any tensor that is around them
            used.update(graph.declared)
        makers = {name: node for node in graph.nodes for name in node.outputs}
        outer, self._constants = self._constants, graph.constants
        for node in graph.nodes:
            for name, value in zip(node.outputs, self._values(node, known, makers), strict=False):
                if name and name in made:
                    raise Unclear(f"two tensors are called {shown(name)}")
                made.add(name)
                known[name] = self._checked(name, value, graph.declared.get(name) if name in used else None, node)
        self._constants = outer

    def _values(self, node: Node, known: Mapping[str, Known], makers: Mapping[str, Node]) -> Iterable[Known]:
        """The values of a node's outputs, in order, by its own rule or by that of a pattern that it ends."""
        parts = _all_of(looked_up(node, makers), known)
        if parts and not self._model.functions and is_look_up(*parts):
            return [Value(parts[1].dims)]
        parts = _all_of(put_last(node, makers, self._constants), known)
        if parts and not self._model.functions and parts[0].texts is not None and parts[1].fill is not None:
            try:
                return [move_last(parts[0].texts, parts[1].fill)]
            except NotProven as reason:
                return [Mixed(f"{shown(node.operator)} makes {shown(node.outputs[0])}: {reason}")]
        if (found := occurring(node, makers, self._constants)) and not self._model.functions:
            parts = _all_of(found.parts, known)
            value = found.value(*parts) if parts else None
            if value is not None:
                return [value]
        return self._outputs(node, known)

    def _outputs(self, node: Node, known: Mapping[str, Known]) -> Iterator[Known]:
        """The values of a node's outputs, in order; without end, as those that no rule speaks of are mixed."""
        inputs = [_of(name, known) if name else None for name in node.inputs]
        mixed = next((value for value in inputs if isinstance(value, Mixed)), None)
        why = mixed.why if mixed else ""
        if not mixed:
            try:
                yield from self._applied(node, [value for value in inputs if not isinstance(value, Mixed)], known)
                why = "no rule speaks of this output"
            except NotProven as reason:
                why = str(reason)
            why = f"{shown(node.operator)} makes {shown(next(iter(node.outputs), ''))}: {why}"
        while True:
            yield Mixed(why)

    def _applied(self, node: Node, inputs: list[Value | None], known: Mapping[str, Known]) -> list[Value]:
        if (node.domain, node.operator) in self._model.functions:
            raise NotProven("it is a function of the file's own")
        if node.operator in BY_CHANCE:
            raise NotProven("it draws by chance")
        counts = COUNTS.get(node.operator, ()) if not node.domain else ()
        for place, value in enumerate(inputs):
            if value is not None and value.counts_rows and place not in counts:
                raise NotProven("it computes with the number of rows")
        constant = not any(value is not None and (value.has_rows or value.counts_rows) for value in inputs)
        has_texts = any(value is not None and value.texts is not None for value in inputs)
        rule = (TEXT_RULES if has_texts else RULES).get(node.domain, {}).get(node.operator)
        version = self._model.opsets.get(node.domain, 0)
        if node.attributes.graphs:
            return self._scan(node, Applied(inputs, node.attributes, version), known)
        try:
            if rule is None or not version:
                padded = "the longest text of a run decides on its shape" if has_texts else ""
                raise NotProven(padded or "no rule is known of this operator")
            return _filled(node, inputs, rule(Applied(inputs, node.attributes, version)))
        except NotProven:
            if constant and node.operator != "Dropout":
                return [Value(None)] * len(node.outputs)
            raise

    def _scan(self, node: Node, applied: Applied, known: Mapping[str, Known]) -> list[Value]:
        """A loop over rows, each by itself, or over a constant; what goes on from turn to turn must stay as it is."""
        if node.operator != "Scan" or node.domain or applied.version < 9:
            raise NotProven("it holds a graph of its own")
        body, states = node.attributes.graphs["body"](), len(applied.inputs) - applied.integer("num_scan_inputs", 0)
        check_order(applied, body, states)
        scanned = [applied.input(place) for place in range(states, len(applied.inputs))]
        by_row = any(value.has_rows for value in scanned)
        inner = {name: captured(name, value) for name, value in known.items()} if by_row else dict(known)
        for place, name in enumerate(body.inputs):
            value = applied.input(place)
            if place >= states and by_row and value.row_axis:
                raise NotProven("it goes through another axis than that of the rows")
            if place < states and by_row:
                applied.constants(place, place + 1)
            element = replace(value, constant=None) if place < states else Value(value.shape[1:])
            inner[name] = self._checked(name, element, body.declared.get(name), node)
        makers = {name: maker for maker in body.nodes for name in maker.outputs}
        if any(origin(body.outputs[place], makers) != body.inputs[place] for place in range(states)):
            raise NotProven("what it keeps of one turn goes on to the next")
        self._follow(body, inner)
        turns = {value.shape[0] for value in scanned}
        length: Dim = turns.pop() if len(turns) == 1 else None
        outputs = [stacked(inner.get(name), ROWS if by_row else length) for name in body.outputs[states:]]
        return [*map(applied.input, range(states)), *outputs]

    def _checked(self, name: str, value: Known, declared: tuple[Extent, ...] | None, node: Node) -> Known:
        """The value, unless the file declares another shape, which ONNX Runtime would compute with."""
        if isinstance(value, Mixed) or value.dims is None:
            return value
        if value.dims.count(ROWS) > 1:
            return Mixed(f"{shown(node.operator)} makes {shown(name)}: it pairs rows with rows")
        if value.texts is not None and declared is not None and isinstance((*declared, None, None)[1], int):
            return Mixed(f"{shown(node.operator)} makes {shown(name)}: the file declares how long its longest text is")
        if declared is None or (len(declared) == len(value.dims) and all(map(self._agree, value.dims, declared))):
            return value
        return Mixed(f"{shown(node.operator)} makes {shown(name)}: the file declares another shape of it")

    def _agree(self, dim: Dim, declared: Extent) -> bool:
        if isinstance(declared, int):
            return dim is None or dim == declared
        return declared is None or declared not in self._row_names or dim == ROWS


def _filled(node: Node, inputs: list[Value | None], made: list[Value]) -> list[Value]:
    """The values of a node, with what all their elements are where that can be told of the inputs."""
    if node.operator not in SCALARS or node.domain or any(value is None or value.texts for value in inputs):
        return made
    to = node.attributes.get("to", 0)
    fill = apply(node.operator, [value.fill if value else None for value in inputs], to if isinstance(to, int) else 0)
    return [replace(value, fill=fill, constant=None) for value in made]


def _of(name: str, known: Mapping[str, Known]) -> Known:
    return known.get(name) or Mixed(f"{shown(name)} is used before it is made")


def _all_of(names: tuple[str, ...] | None, known: Mapping[str, Known]) -> list[Value]:
    """The values by these names if all are known, else none."""
    values = [value for name in names or () if isinstance(value := known.get(name), Value)]
    return values if len(values) == len(names or ()) else []
