"""The shape of the tree: which way imports point, how long things are, what is documented."""

from __future__ import annotations

import ast
import functools
import graphlib
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from statistics import median, quantiles

import pytest

from tests.house import BEGIN, END, LAYERS, ROOT, draw_map

PACKAGES = ("gcgen_env", "agents", "examples", "benchmarks")
LEVELS = {
    Path(path).with_suffix("").as_posix().replace("/", "."): level
    for level, paths in enumerate(LAYERS.values())
    for path in paths
}
"""Level of each module, lowest first."""

MAX_FILE_LINES = 250
MAX_TEST_LINES = 400
MAX_FUNCTION_LINES = 60
FORBIDDEN_IN_ENV = {"agents", "examples", "benchmarks", "stable_baselines3", "sb3_contrib"}

Function = ast.FunctionDef | ast.AsyncFunctionDef
Definition = Function | ast.ClassDef


def find_files(*folders: str) -> list[Path]:
    """List the Python files below folders of the repository, relative to its root."""
    return sorted(p.relative_to(ROOT) for folder in folders for p in ROOT.glob(f"{folder}/**/*.py"))


@functools.cache
def parse(path: Path) -> ast.Module:
    """Parse a file given relative to the root."""
    return ast.parse((ROOT / path).read_text(encoding="utf-8"), str(path))


def module_name(path: Path) -> str:
    """Return the dotted name of a file: `agents/cli/__init__.py` is `agents.cli`."""
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@functools.cache
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
    """Return the level of a module; of a package, which re-exports its modules, the highest."""
    if module in LEVELS:
        return LEVELS[module]
    inside = [level for name, level in LEVELS.items() if name.startswith(f"{module}.")]
    return max(inside, default=None)


def find_upward_imports(path: Path, tree: ast.Module) -> list[str]:
    """List the imports of a file that point to a layer above its own."""
    own = find_level(module_name(path))
    assert own is not None, f"{path} is not in tests/house.py"
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


def list_modules() -> list[Path]:
    """List the modules of all packages, without the `__init__` files."""
    return [path for path in find_files(*PACKAGES) if path.name != "__init__.py"]


def test_every_module_is_listed_once():
    listed = Counter(path for paths in LAYERS.values() for path in paths)
    assert set(listed.values()) == {1}
    assert set(listed) == {path.as_posix() for path in list_modules()}


@pytest.mark.parametrize("path", list_modules(), ids=str)
def test_the_listed_purpose_is_that_of_the_module(path):
    purposes = {name: purpose for paths in LAYERS.values() for name, purpose in paths.items()}
    assert (ast.get_docstring(parse(path)) or "").splitlines()[0] == purposes[path.as_posix()]


def test_contributing_shows_the_map():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    shown = text.partition(BEGIN)[2].partition(END)[0]
    assert shown.strip() == draw_map().strip(), "run python -m tests.house"


def test_there_is_no_circle():
    graph = {}
    for path in list_modules():
        name = module_name(path)
        graph[name] = {n for n in find_imports(path, parse(path)) if n in LEVELS} - {name}
    order = list(graphlib.TopologicalSorter(graph).static_order())  # raises CycleError
    assert len(order) == len(LEVELS)


@pytest.mark.parametrize("path", find_files(*PACKAGES), ids=str)
def test_nothing_imports_the_command_line(path):
    names = {name for name in find_imports(path, parse(path)) if name.startswith("agents.cli")}
    assert not names or path.parts[:2] == ("agents", "cli")


@pytest.mark.parametrize("path", find_files(*PACKAGES), ids=str)
def test_imports_point_one_way(path):
    assert find_upward_imports(path, parse(path)) == []


def test_the_viewer_draws_plain_arrays():
    allowed = ("gcgen_env.viewer", "gcgen_env.atomic_files")
    files = [p for p in find_files("gcgen_env") if p.parts[1] in ("viewer", "viewer.py")]
    names = set().union(*(find_imports(path, parse(path)) for path in files))
    ours = {name for name in names if name.split(".")[0] in PACKAGES}
    assert {name for name in ours if not name.startswith(allowed)} == set()


@pytest.mark.parametrize("path", find_files("gcgen_env"), ids=str)
def test_gcgen_env_needs_no_agent(path):
    roots = {name.split(".")[0] for name in find_imports(path, parse(path))}
    assert roots.isdisjoint(FORBIDDEN_IN_ENV)


def test_no_module_is_called_utils():
    assert [p for p in find_files(*PACKAGES, "tests") if p.stem == "utils"] == []


@pytest.mark.parametrize("path", find_files(*PACKAGES, "tests"), ids=str)
def test_files_are_short(path):
    lines = len((ROOT / path).read_text(encoding="utf-8").splitlines())
    most = MAX_TEST_LINES if path.parts[0] == "tests" else MAX_FILE_LINES
    assert lines <= most, f"{path} has {lines} lines: split it"


def test_most_functions_are_very_short():
    files = find_files("gcgen_env", "agents")
    lengths = [n for path in files for n in measure_functions(parse(path)).values()]
    assert median(lengths) <= 10
    assert quantiles(lengths, n=10)[-1] <= 25


def test_comments_are_few_but_there():
    files = find_files("gcgen_env", "agents")
    lines = [x for path in files for x in (ROOT / path).read_text(encoding="utf-8").splitlines()]
    commented = sum(bool(re.search(r"(^|\s)#\s", line)) for line in lines)
    assert 0.04 <= commented / len(lines) <= 0.08


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
        ("gcgen_env/model/chain.py", "from gcgen_env.episodes import Episodes", True),
        ("gcgen_env/model/chain.py", "from gcgen_env import episodes", True),
        ("gcgen_env/model/chain.py", "from ..episodes import Episodes", True),
        ("gcgen_env/model/network.py", "from ..episodes import Episodes", True),
        ("gcgen_env/model/chain.py", "def late():\n    import gcgen_env.env", True),
        ("gcgen_env/model/chain.py", "import gcgen_env", True),
        ("gcgen_env/episodes.py", "from agents import GCGen", True),
        ("agents/cli/main.py", "import examples.demo", True),
        ("gcgen_env/__init__.py", "from gcgen_env.registration import register_all", False),
        ("gcgen_env/model/network.py", "from .heads import LinearHead", False),
        ("gcgen_env/model/chain.py", "from gcgen_env.model.likelihoods import L", False),
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
