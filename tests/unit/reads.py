"""Which field of which class some modules read, followed through their annotations: names and arguments, attributes,
what functions return, and what is assigned from these.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = "Settings"  # what is called `settings` and says no more of itself


def reads(files: Iterable[Path]) -> set[tuple[str, str]]:
    """The (class, attribute) pairs that the files read; the class is the one that declares the attribute."""
    reader = Reader([ast.parse(file.read_text(encoding="utf-8")) for file in files])
    return reader.found


class Reader(ast.NodeVisitor):
    """Follows the types of expressions as far as annotations tell them; `found` grows while it visits."""

    def __init__(self, trees: list[ast.Module]):
        nodes = [node for tree in trees for node in ast.walk(tree)]
        classes = [node for node in nodes if isinstance(node, ast.ClassDef)]
        self.attributes: dict[str, dict[str, str | None]] = {each.name: {} for each in classes}
        self.bases = {each.name: [ast.unparse(base) for base in each.bases] for each in classes}
        self.returned = {each.name: self._named(each.returns) for each in nodes if isinstance(each, ast.FunctionDef)}
        for each in classes:
            self.attributes[each.name] |= dict(self._attributes(each))
        self.scopes: list[dict[str, str | None]] = [{}]
        self.found: set[tuple[str, str]] = set()
        for tree in trees:
            self.visit(tree)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._within({"self": node.name}, node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._within(self._arguments(node), node)

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_Assign(self, node: ast.Assign) -> None:
        self.generic_visit(node)
        for target, value in _pairs(node):
            if isinstance(target, ast.Name):
                self.scopes[-1][target.id] = self._kind(value)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        self.generic_visit(node)
        self.found |= {(each, node.attr) for each in self._declaring(node)}

    def visit_Call(self, node: ast.Call) -> None:
        self.generic_visit(node)
        if ast.unparse(node.func) == "dataclasses.asdict" and (kind := self._kind(node.args[0])) != ROOT:
            self.found |= {(each, name) for each in self._lineage(kind) for name in self.attributes[each]}

    def _within(self, names: dict[str, str | None], node: ast.AST) -> None:
        self.scopes.append(names)
        self.generic_visit(node)
        self.scopes.pop()

    def _attributes(self, node: ast.ClassDef) -> Iterator[tuple[str, str | None]]:
        for each in node.body:
            if isinstance(each, ast.AnnAssign):
                yield ast.unparse(each.target), self._named(each.annotation)
            elif isinstance(each, ast.FunctionDef) and each.name == "__init__":
                given = self._arguments(each)
                for made in filter(lambda inner: isinstance(inner, ast.Assign), ast.walk(each)):
                    for target, value in _pairs(made):
                        yield ast.unparse(target).removeprefix("self."), given.get(ast.unparse(value))
            elif isinstance(each, ast.FunctionDef) and each.decorator_list:
                yield each.name, self._named(each.returns)

    def _arguments(self, node: ast.FunctionDef) -> dict[str, str | None]:
        given = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        return {each.arg: self._named(each.annotation) for each in given if each.annotation}

    def _named(self, annotation: ast.AST | None) -> str | None:
        words = ast.unparse(annotation).replace("'", "").split(" | ") if annotation else []
        return next((word for word in words if word in self.attributes), None)

    def _lineage(self, kind: str | None) -> Iterator[str]:
        if kind in self.attributes:
            yield kind
            for base in self.bases[kind]:
                yield from self._lineage(base)

    def _declaring(self, node: ast.Attribute) -> Iterator[str]:
        return (each for each in self._lineage(self._kind(node.value)) if node.attr in self.attributes[each])

    def _kind(self, node: ast.AST) -> str | None:
        if isinstance(node, ast.Name):
            known = next((scope[node.id] for scope in reversed(self.scopes) if node.id in scope), None)
            return known or (ROOT if node.id == "settings" else None)
        if isinstance(node, ast.Attribute):
            owners = list(self._declaring(node))
            return self.attributes[owners[0]][node.attr] if owners else ROOT if node.attr == "settings" else None
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if called == "dataclasses.replace":
                return self._kind(node.args[0])
            return called if called in self.attributes else self.returned.get(called.split(".")[-1])
        return self._kind(node.values[0]) if isinstance(node, ast.BoolOp) else None


def _pairs(node: ast.Assign) -> Iterator[tuple[ast.AST, ast.AST]]:
    for target in node.targets:
        if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
            yield from zip(target.elts, node.value.elts, strict=False)
        else:
            yield target, node.value
