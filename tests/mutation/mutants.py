"""Small faults put into a module's source, one at a time: what a test has to notice."""

import ast
import copy
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

SWAPS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.And: ast.Or,
    ast.Or: ast.And,
}


class Mutant(NamedTuple):
    """One fault: the number of its line and what stands there, what was written, what is now."""

    line: int
    where: str
    was: str
    now: str
    source: str
    place: int  # of the node that changes, in the order of a walk
    change: int  # which of its changes

    def tree(self) -> ast.Module:
        """The module with the fault in it."""
        tree = _parsed(self.source)
        _change(next(islice(ast.walk(tree), self.place, None)), self.change)
        return ast.fix_missing_locations(tree)

    def __str__(self) -> str:
        return f"{self.was} -> {self.now} in {self.where}"


def mutants(source: str) -> Iterator[Mutant]:
    """Every mutant of a module."""
    lines = source.splitlines()
    for place, node in enumerate(ast.walk(_parsed(source))):
        for change in range(4):
            target = copy.deepcopy(node)
            was = _shown(target)
            at = _change(target, change)
            if at is None:
                break
            now = _shown(target)
            if at is not target:
                was, now = _shown(at), "pass"
            line = getattr(at, "lineno", 0)
            yield Mutant(line, lines[line - 1].strip(), was, now, source, place, change)


def _parsed(source: str) -> ast.Module:
    tree: ast.Module = _Untyped().visit(ast.parse(source))
    return tree


class _Untyped(ast.NodeTransformer):
    """Takes the types out: another one changes nothing that runs."""

    def visit_arg(self, node: ast.arg) -> ast.arg:
        node.annotation = None
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AnnAssign:
        self.generic_visit(node)
        node.annotation = ast.Name("object", ast.Load())  # that there is one makes a field
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        self.generic_visit(node)
        node.returns = None
        return node


def _shown(node: ast.AST) -> str:
    """The first line of its source."""
    return ast.unparse(node).partition("\n")[0]


def _change(node: ast.AST, number: int) -> ast.AST | None:
    """Makes the change of that number in place; the node, or the statement that was taken out of
    it; None when the node has no more changes."""
    match node:
        case ast.Compare(ops=ops) if number < len(ops):
            ops[number] = SWAPS[type(ops[number])]()  # type: ignore[call-overload]
        case ast.BinOp() | ast.AugAssign() | ast.BoolOp() if number == 0:
            swapped = SWAPS.get(type(node.op))
            if swapped is None:
                return None
            node.op = swapped()  # type: ignore[assignment]
        case ast.UnaryOp(op=ast.Not()) if number == 0:
            node.operand = ast.UnaryOp(ast.Not(), node.operand)
        case ast.Constant(value=bool(value)) if number == 0:
            node.value = not value
        case ast.Constant(value=int(value)) if number < 2 and not isinstance(value, bool):
            node.value = value + (1, -1)[number]
        case ast.If(test=test) | ast.IfExp(test=test) | ast.While(test=test) if number == 0:
            node.test = ast.UnaryOp(ast.Not(), test)
        case ast.Return(value=ast.Constant(value=False | "")):
            return None  # to callers who ask whether, None is the same
        case ast.Return(value=ast.expr() as value) if number == 0:
            node.value = ast.Constant(0 if ast.unparse(value) == "None" else None)
        case ast.FunctionDef() | ast.If() | ast.For() | ast.With() | ast.While():
            return _remove(node.body, number - isinstance(node, ast.If | ast.While))
        case _:
            return None
    return node


def _remove(body: list[ast.stmt], number: int) -> ast.stmt | None:
    """Takes the statement of that number out, counting those whose loss can show."""
    worth = [
        at
        for at, one in enumerate(body)
        if isinstance(one, ast.Assign | ast.AugAssign | ast.Delete | ast.Raise | ast.Continue)
        or (isinstance(one, ast.Expr) and not isinstance(one.value, ast.Constant))
    ]
    if not 0 <= number < len(worth):
        return None
    gone = body[worth[number]]
    body[worth[number]] = ast.copy_location(ast.Pass(), gone)
    return gone
