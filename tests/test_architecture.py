"""The shape of the tree: which way imports point, how long things are, what is documented."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("gcgen_env", "agents", "examples", "benchmarks")

LAYERS = (
    ("types", "config", "storage", "allocator", "batching"),
    ("datasets",),
    ("goals", "model"),
    ("rewards", "spaces"),
    ("proposal_cache", "episodes"),
    ("viewer", "rendering"),
    ("goal_env", "env", "vector_env", "registration"),
    ("wrappers", "testing"),
)
"""The modules of `gcgen_env`, lowest first; each may import its own layer and those before it."""

LEVELS = {f"gcgen_env.{name}": level for level, names in enumerate(LAYERS) for name in names}
# The package itself offers what its modules define: above them, below its users.
LEVELS |= {name: len(LAYERS) + level for level, name in enumerate(PACKAGES)}

MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 60
FORBIDDEN_IN_ENV = {"agents", "examples", "stable_baselines3", "sb3_contrib"}

Function = ast.FunctionDef | ast.AsyncFunctionDef
Definition = Function | ast.ClassDef


def find_files(*folders: str) -> list[Path]:
    """List the Python files below folders of the repository, relative to its root."""
    return sorted(p.relative_to(ROOT) for folder in folders for p in ROOT.glob(f"{folder}/**/*.py"))


def parse(path: Path) -> ast.Module:
    """Parse a file given relative to the root."""
    return ast.parse((ROOT / path).read_text(encoding="utf-8"), str(path))


def module_name(path: Path) -> str:
    """Return the dotted name of a file: `agents/cli/__init__.py` is `agents.cli`."""
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def is_module(name: str) -> bool:
    """Tell whether a dotted name is a module or package of the repository."""
    path = ROOT / Path(*name.split("."))
    return path.is_dir() or path.with_suffix(".py").is_file()


def find_imports(path: Path, tree: ast.Module) -> set[str]:
    """Return the dotted names of all modules a file imports, wherever in it."""
    package = path.parent.parts
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            parents = package[: len(package) - node.level + 1] if node.level else ()
            base = ".".join((*parents, *filter(None, [node.module])))
            names |= {resolve(base, alias.name) for alias in node.names}
    return names


def resolve(base: str, name: str) -> str:
    """Return what `from base import name` imports: a module of ours, else `base` itself."""
    return f"{base}.{name}" if is_module(f"{base}.{name}") else base


def find_level(module: str) -> int | None:
    """Return the layer of one of our modules, None for a module in no layer."""
    package, *rest = module.split(".")
    inside_env = package == "gcgen_env" and rest
    return LEVELS.get(f"{package}.{rest[0]}" if inside_env else package)


def find_upward_imports(path: Path, tree: ast.Module) -> list[str]:
    """List the imports of a file that point to a layer above its own."""
    own = find_level(module_name(path))
    if own is None:
        return []  # test_every_module_of_gcgen_env_has_a_layer speaks of it
    levels = {name: find_level(name) for name in find_imports(path, tree)}
    above = [name for name, level in levels.items() if level is not None and level > own]
    return [f"{path} imports {name}, which is above it" for name in sorted(above)]


def measure_functions(tree: ast.Module) -> dict[str, int]:
    """Return the length of every function of a file, methods and nested ones too."""
    functions = (node for node in ast.walk(tree) if isinstance(node, Function))
    return {f"{f.name}, line {f.lineno}": count_lines(f) for f in functions}


def count_lines(function: Function) -> int:
    """Count the lines of a function from `def` to its end, its docstring left out."""
    lines = function.end_lineno - function.lineno + 1
    if ast.get_docstring(function) is not None:
        docstring = function.body[0]
        lines -= docstring.end_lineno - docstring.lineno + 1
    return lines


def find_undocumented(node: ast.Module | ast.ClassDef, prefix: str = "") -> Iterator[str]:
    """Yield the public classes, methods and functions of a node that have no docstring."""
    for child in node.body:
        if not isinstance(child, Definition) or child.name.startswith("_"):
            continue
        if ast.get_docstring(child) is None and not is_exempt(child):
            yield prefix + child.name
        if isinstance(child, ast.ClassDef):
            yield from find_undocumented(child, f"{prefix}{child.name}.")


def is_exempt(node: Definition) -> bool:
    """Tell whether a definition is documented elsewhere: overload, override, property setter."""
    decorators = {ast.unparse(decorator).split(".")[-1] for decorator in node.decorator_list}
    return not decorators.isdisjoint({"overload", "override", "setter"})


def test_every_module_of_gcgen_env_has_a_layer():
    inside = [p for p in find_files("gcgen_env") if module_name(p) != "gcgen_env"]
    unknown = {str(p) for p in inside if find_level(module_name(p)) is None}
    assert not unknown, f"place {sorted(unknown)} in LAYERS of tests/test_architecture.py"


@pytest.mark.parametrize("path", find_files(*PACKAGES), ids=str)
def test_imports_point_one_way(path):
    assert find_upward_imports(path, parse(path)) == []


def test_viewer_imports_nothing_of_ours():
    files = [p for p in find_files("gcgen_env") if p.parts[1] in ("viewer", "viewer.py")]
    names = set().union(*(find_imports(path, parse(path)) for path in files))
    ours = {name for name in names if name.split(".")[0] in PACKAGES}
    assert {name for name in ours if not name.startswith("gcgen_env.viewer")} == set()


@pytest.mark.parametrize("path", find_files("gcgen_env"), ids=str)
def test_gcgen_env_needs_no_agent(path):
    roots = {name.split(".")[0] for name in find_imports(path, parse(path))}
    assert roots.isdisjoint(FORBIDDEN_IN_ENV)


def test_no_module_is_called_utils():
    assert [p for p in find_files(*PACKAGES, "tests") if p.stem == "utils"] == []


@pytest.mark.parametrize("path", find_files(*PACKAGES, "tests"), ids=str)
def test_files_are_short(path):
    lines = len((ROOT / path).read_text(encoding="utf-8").splitlines())
    assert lines <= MAX_FILE_LINES, f"{path} has {lines} lines: split it"


@pytest.mark.parametrize("path", find_files(*PACKAGES, "tests"), ids=str)
def test_functions_are_short(path):
    lengths = measure_functions(parse(path))
    long = {name: lines for name, lines in lengths.items() if lines > MAX_FUNCTION_LINES}
    assert not long, f"more than {MAX_FUNCTION_LINES} lines in {path}: {long}"


@pytest.mark.parametrize("path", find_files("gcgen_env", "agents"), ids=str)
def test_public_names_are_documented(path):
    tree = parse(path)
    assert ast.get_docstring(tree), f"{path} does not say what it is for"
    assert list(find_undocumented(tree)) == []


@pytest.mark.parametrize(
    ("path", "source", "upward"),
    [
        ("gcgen_env/model/dynamics.py", "from gcgen_env.episodes import Core", True),
        ("gcgen_env/model/dynamics.py", "from gcgen_env import episodes", True),
        ("gcgen_env/model/dynamics.py", "from ..episodes import Core", True),
        ("gcgen_env/model/network.py", "from ..episodes import Core", True),
        ("gcgen_env/model/dynamics.py", "def late():\n    import gcgen_env.env", True),
        ("gcgen_env/model/dynamics.py", "import gcgen_env", True),
        ("gcgen_env/episodes.py", "from agents import GCGen", True),
        ("agents/cli/main.py", "import examples.demo", True),
        ("gcgen_env/__init__.py", "from gcgen_env.registration import register_all", False),
        ("gcgen_env/model/network.py", "from .heads import LinearHead", False),
        ("gcgen_env/model/dynamics.py", "from gcgen_env.model.likelihoods import L", False),
        ("gcgen_env/episodes.py", "import numpy.random", False),
        ("agents/cli/main.py", "import gcgen_env", False),
        ("examples/demo.py", "from agents import GCGen", False),
    ],
)
def test_the_import_rule_sees_each_form(path, source, upward):
    assert bool(find_upward_imports(Path(path), ast.parse(source))) is upward


def test_the_length_rule_leaves_the_docstring_out():
    (function,) = ast.parse('def f():\n    """One.\n\n    Two.\n    """\n    return 1\n').body
    assert count_lines(function) == 2


def test_the_documentation_rule_sees_methods():
    tree = ast.parse('class A:\n    """Doc."""\n    def f(self): ...\n    def _g(self): ...\n')
    assert list(find_undocumented(tree)) == ["A.f"]
