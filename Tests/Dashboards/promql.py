"""What the rules of a linter have to know of an expression."""

import promql_parser


def parse(expression):
    """The syntax tree; ValueError if it is no PromQL."""
    return promql_parser.parse(expression)


def walk(node, parents=()):
    """Every node, with its parents from the outermost on."""
    yield node, parents
    for name in ("expr", "lhs", "rhs", "param", "vector_selector"):
        child = getattr(node, name, None)
        if child is not None and not isinstance(child, str):
            yield from walk(child, (*parents, node))
    for child in getattr(node, "args", None) or ():
        yield from walk(child, (*parents, node))


def selectors(tree):
    """Every vector selector, with its parents."""
    for node, parents in walk(tree):
        if isinstance(node, promql_parser.VectorSelector):
            yield node, parents


def metrics(tree):
    """The names of the metrics that an expression reads."""
    for selector, _ in selectors(tree):
        if selector.name:
            yield selector.name
        for matcher in selector.matchers.matchers:
            if matcher.name == "__name__":
                yield from matcher.value.split("|")


def has_matcher(selector, name, value):
    """Whether the selector has NAME=~"VALUE"."""
    return any(
        matcher.name == name and matcher.op == promql_parser.MatchOp.Re and matcher.value == value
        for matcher in selector.matchers.matchers
    )


def ranges(tree):
    """Every range of a range selector, in seconds, with the name of the function it is given to."""
    for node, parents in walk(tree):
        if isinstance(node, promql_parser.MatrixSelector):
            call = parents[-1] if parents and isinstance(parents[-1], promql_parser.Call) else None
            yield node.range.total_seconds(), call and call.func.name
