"""Which expressions of a module are sets, and where their order is used: for the determinism test.

The order of a set of text changes from process to process (hash randomisation), so a loop over
one breaks replay. Inference is by the module's own text: displays, `set()` calls, operators,
annotations and assignments in source order, `self.x` by class, functions annotated to return a set.
"""

import ast
from dataclasses import dataclass

SET_TYPES = {"set", "frozenset", "Set", "FrozenSet", "AbstractSet", "MutableSet"}
SET_METHODS = {"union", "intersection", "difference", "symmetric_difference", "copy"}
VIEW_METHODS = {"keys", "items"}
# Consumers whose result keeps the order of what they consume.
ORDERED_CALLS = {
    "list", "tuple", "iter", "enumerate", "map", "filter", "zip", "sum", "deque", "chain",
    "join", "extend", "extendleft", "fromkeys", "accumulate", "islice", "cycle", "reduce",
}  # fmt: skip
# Consumers whose result does not depend on it: a generator over a set is fine inside these.
ORDERLESS_CALLS = {"set", "frozenset", "len", "any", "all", "Counter"}
ORDERLESS_METHODS = {"update", "difference_update", "intersection_update"} | SET_METHODS
# The same, unless a key lets members tie: ties keep the order that they came in.
COMPARING_CALLS = {"sorted", "min", "max"}

_Function = ast.FunctionDef | ast.AsyncFunctionDef
_Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


@dataclass(frozen=True, slots=True)
class SetUse:
    """An expression that is a set, used where order shows."""

    node: ast.expr
    how: str


def uses_in_order(tree: ast.Module) -> list[SetUse]:
    """Every place in the module where the order of a set is used."""
    finder = _Finder(tree)
    finder.run()
    return finder.uses


def is_set_annotation(node: ast.expr | None) -> bool:
    """Whether an annotation says set: `set[str]`, `frozenset`, `Set[int] | None`, `"set[str]"`."""
    match node:
        case ast.Constant(value=str(text)):
            return is_set_annotation(ast.parse(text, mode="eval").body)
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name in SET_TYPES
        case ast.Subscript(value=ast.Name(id="Optional" | "Final" | "ClassVar" | "Annotated")):
            first = node.slice.elts[0] if isinstance(node.slice, ast.Tuple) else node.slice
            return is_set_annotation(first)
        case ast.Subscript(value=value):
            return is_set_annotation(value)
        case ast.BinOp(op=ast.BitOr(), left=left, right=right):
            return is_set_annotation(left) or is_set_annotation(right)
    return False


class _Scope:
    """Names of one function, class body or module: True where the name holds a set now."""

    def __init__(self, parent: "_Scope | None" = None, owner: str | None = None) -> None:
        self.parent = parent
        self.owner = owner  # the class whose `self` this scope sees
        self.names: dict[str, bool] = {}

    def holds_set(self, name: str) -> bool:
        scope: _Scope | None = self
        while scope is not None:
            if name in scope.names:
                return scope.names[name]
            scope = scope.parent
        return False


class _Finder(ast.NodeVisitor):
    """Walks in source order; bodies of functions come after their surroundings, as they run."""

    def __init__(self, tree: ast.Module) -> None:
        self.uses: list[SetUse] = []
        self._tree = tree
        self._scope = _Scope()
        self._deferred: list[tuple[_Function | ast.Lambda, _Scope]] = []
        self._orderless: set[ast.expr] = set()
        self._attributes: dict[tuple[str, str], bool] = {}  # (class, attribute) -> is a set
        self._returns_set = {
            node.name for node in ast.walk(tree) if isinstance(node, _Function) and is_set_annotation(node.returns)
        }

    def run(self) -> None:
        for node in ast.walk(self._tree):
            if isinstance(node, ast.ClassDef):
                self._learn_class(node)
        self.visit(self._tree)
        while self._deferred:
            function, scope = self._deferred.pop(0)
            self._scope = scope
            body = [function.body] if isinstance(function, ast.Lambda) else function.body
            for statement in body:
                self.visit(statement)

    # What is a set

    def _is_set(self, node: ast.expr) -> bool:  # noqa: PLR0911 (a line per kind of expression)
        match node:
            case ast.Set() | ast.SetComp():
                return True
            case ast.Name(id=name):
                return self._scope.holds_set(name)
            case ast.NamedExpr(value=value):
                return self._is_set(value)
            case ast.Attribute(value=value, attr=attribute):
                return self._is_set_attribute(value, attribute)
            case ast.IfExp(body=body, orelse=orelse):
                return self._is_set(body) or self._is_set(orelse)
            case ast.BoolOp(values=values):
                return any(map(self._is_set, values))
            case ast.BinOp(op=ast.BitOr() | ast.BitAnd() | ast.Sub() | ast.BitXor()):
                sides = (node.left, node.right)
                return any(self._is_set(side) or _is_view(side) for side in sides)
            case ast.Call(func=function):
                return self._returns_a_set(function)
        return False

    def _is_set_attribute(self, value: ast.expr, attribute: str) -> bool:
        if isinstance(value, ast.Name) and value.id in {"self", "cls"} and self._scope.owner:
            known = self._attributes.get((self._scope.owner, attribute))
            if known is not None:
                return known
        # Of another object: only if every class of the module that has it agrees.
        kinds = [kind for (_, name), kind in self._attributes.items() if name == attribute]
        return bool(kinds) and all(kinds)

    def _returns_a_set(self, function: ast.expr) -> bool:
        match function:
            case ast.Name(id=name):
                return name in {"set", "frozenset"} or name in self._returns_set
            case ast.Attribute(value=value, attr=name):
                return name in self._returns_set or (name in SET_METHODS and self._is_set(value))
        return False

    def _learn_class(self, node: ast.ClassDef) -> None:
        """The class's attributes, from its body and from `self.x = …` in its methods."""
        assigned: dict[tuple[str, str], bool] = {}
        for statement in node.body:
            match statement:
                case ast.AnnAssign(target=ast.Name(id=name), annotation=annotation):
                    self._attributes[node.name, name] = is_set_annotation(annotation)
                case ast.FunctionDef() | ast.AsyncFunctionDef():
                    self._learn_method(node.name, statement, assigned)
        for key, is_set in assigned.items():
            self._attributes.setdefault(key, is_set)

    def _learn_method(self, owner: str, method: _Function, assigned: dict[tuple[str, str], bool]) -> None:
        outer, self._scope = self._scope, _Scope()
        self._scope.names.update(_parameters(method))
        for node in ast.walk(method):
            match node:
                case ast.AnnAssign(target=ast.Attribute(value=ast.Name(id="self"), attr=name)):
                    self._attributes[owner, name] = is_set_annotation(node.annotation)
                case ast.Assign(targets=[ast.Attribute(value=ast.Name(id="self"), attr=name)]):
                    # One set among several values is enough: `self.x = None` first, a set later.
                    is_set = self._is_set(node.value)
                    assigned[owner, name] = assigned.get((owner, name), False) or is_set
        self._scope = outer

    # Scopes and assignments

    def _visit_function(self, node: _Function) -> None:
        for expression in (*node.decorator_list, *node.args.defaults, *node.args.kw_defaults):
            if expression is not None:
                self.visit(expression)
        self._scope.names[node.name] = False
        self._defer(node)

    visit_FunctionDef = _visit_function
    visit_AsyncFunctionDef = _visit_function

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self._defer(node)

    def _defer(self, node: _Function | ast.Lambda) -> None:
        inner = _Scope(self._scope, self._scope.owner)
        inner.names.update(_parameters(node))
        self._deferred.append((node, inner))

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        outer, self._scope = self._scope, _Scope(self._scope, node.name)
        for statement in node.body:
            self.visit(statement)
        self._scope = outer

    def visit_Assign(self, node: ast.Assign) -> None:
        self.visit(node.value)
        is_set = self._is_set(node.value)
        for target in node.targets:
            if isinstance(target, ast.Tuple | ast.List) and is_set:
                self._use(node.value, "unpacked")
            self._bind(target, is_set=is_set)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self.visit(node.value)
        self._bind(node.target, is_set=is_set_annotation(node.annotation))

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        self.visit(node.value)
        self._bind(node.target, is_set=self._is_set(node.value))

    def _bind(self, target: ast.expr, *, is_set: bool) -> None:
        if isinstance(target, ast.Name):
            self._scope.names[target.id] = is_set

    # Where order shows

    def _visit_for(self, node: ast.For | ast.AsyncFor) -> None:
        if self._is_set(node.iter):
            self._use(node.iter, "looped over")
        for name in ast.walk(node.target):
            if isinstance(name, ast.Name):
                self._scope.names[name.id] = False
        self.generic_visit(node)

    visit_For = _visit_for
    visit_AsyncFor = _visit_for

    def _visit_comprehension(self, node: _Comprehension) -> None:
        harmless = isinstance(node, ast.SetComp) or node in self._orderless
        for generator in node.generators:
            if not harmless and self._is_set(generator.iter):
                self._use(generator.iter, "looped over")
        self.generic_visit(node)

    visit_ListComp = _visit_comprehension
    visit_SetComp = _visit_comprehension
    visit_DictComp = _visit_comprehension
    visit_GeneratorExp = _visit_comprehension

    def visit_Call(self, node: ast.Call) -> None:
        name = _last_name(node.func)
        keyed = name in COMPARING_CALLS and any(word.arg == "key" for word in node.keywords)
        if self._is_orderless(node):
            self._orderless.update(node.args)
        elif node not in self._orderless and (keyed or name in ORDERED_CALLS):
            for argument in filter(self._is_set, node.args):
                self._use(
                    argument,
                    f"consumed by {name}() with a key" if keyed else f"consumed by {name}()",
                )
        match node:
            case ast.Call(func=ast.Attribute(value=owner, attr="pop"), args=[]) if self._is_set(owner):
                self._use(owner, "popped")
        self.generic_visit(node)

    def _is_orderless(self, node: ast.Call) -> bool:
        match node.func:
            case ast.Attribute(value=owner, attr=name):
                return name in ORDERLESS_METHODS and self._is_set(owner)
            case ast.Name(id=name) if name in COMPARING_CALLS:
                return not any(word.arg == "key" for word in node.keywords)
            case ast.Name(id=name):
                return name in ORDERLESS_CALLS
        return False

    def visit_Starred(self, node: ast.Starred) -> None:
        if isinstance(node.ctx, ast.Load) and self._is_set(node.value):
            self._use(node.value, "unpacked")
        self.generic_visit(node)

    def visit_Set(self, node: ast.Set) -> None:
        # `{*a, *b}` makes a set of sets' members: nothing is ordered yet.
        for element in node.elts:
            self.visit(element.value if isinstance(element, ast.Starred) else element)

    def visit_YieldFrom(self, node: ast.YieldFrom) -> None:
        if self._is_set(node.value):
            self._use(node.value, "yielded")
        self.generic_visit(node)

    def _use(self, node: ast.expr, how: str) -> None:
        self.uses.append(SetUse(node, how))


def _parameters(node: _Function | ast.Lambda) -> dict[str, bool]:
    arguments = node.args
    return {
        argument.arg: is_set_annotation(argument.annotation)
        for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)
    }


def _is_view(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and _last_name(node.func) in VIEW_METHODS


def _last_name(node: ast.expr) -> str | None:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return None
