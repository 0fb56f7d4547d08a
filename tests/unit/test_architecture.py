"""Data goes one way: what the modules import, read from their text."""

from __future__ import annotations

import ast
import dataclasses
import importlib.util
import typing
from collections.abc import Iterator
from pathlib import Path

import pytest

import autoif_train
from autoif_train.chat.api import ApiSettings
from autoif_train.config import Settings
from autoif_train.evaluation.benchmarks import BENCHMARKS
from tests.unit.reads import reads

PACKAGE = Path(autoif_train.__file__).parent
ROOT = PACKAGE.parent
RECIPES = ROOT / "recipes"
MODULES = sorted(file for file in PACKAGE.rglob("*.py") if "data" not in file.parts)
# A part may import its own level and those before it.
LEVELS = (
    ("types",),
    ("resources", "setting", "versions", "rows", "funnel", "lazy", "lock", "ranks"),
    ("chat", "execution"),
    ("synthesis", "feedback"),
    ("training", "tiny"),
)
# `evaluation` and the parts above settle on the settings and the run folder, which know every section.
ABOVE = (
    ("config", "progress", "run", "answering"),
    ("evaluation",),
    ("report",),
    ("command", "cli", "datacard", "export"),
)
LEVEL = {part: level for level, parts in enumerate(LEVELS + ABOVE) for part in parts}
# Settings stand beside the functions they set; these modules are the settings' own side of a part higher up.
SETTINGS_SIDE = {"evaluation.settings", "evaluation.statistics", "training.arguments", "training.engine"}


def name_of(file: Path) -> str:
    return ".".join(file.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__") or "__init__"


def part_of(module: str) -> str:
    return module.split(".")[0]


def imported(file: Path, lazily: bool = True) -> set[str]:
    """The modules of this package that a file imports, without the package's name; `lazily`: in functions too."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    nodes = ast.walk(tree) if lazily else tree.body
    found = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            package = ".".join(["autoif_train", *file.relative_to(PACKAGE).parts[: -node.level or None]])
            module = ".".join(part for part in (package if node.level else "", node.module or "") if part)
            inner = {f"{module}.{alias.name}" for alias in node.names}
            found |= (inner & known_modules()) | (set() if inner <= known_modules() else {module})
    return {name.removeprefix("autoif_train.") for name in found if name.startswith("autoif_train.")}


def known_modules() -> set[str]:
    return {f"autoif_train.{name_of(file)}" for file in MODULES}


def test_every_part_has_a_place():
    parts = {part_of(name_of(file)) for file in MODULES} - {"__init__"}
    assert parts <= LEVEL.keys()


@pytest.mark.parametrize("file", MODULES, ids=name_of)
def test_modules_import_only_leftwards(file):
    own = part_of(name_of(file))
    if own == "__init__":
        assert imported(file) == set()
        return
    rightwards = {
        name
        for name in imported(file)
        if LEVEL[part_of(name)] > LEVEL[own] and part_of(name) != own and name not in SETTINGS_SIDE
    }
    # The embedded world's judge and writer are chat models that the settings choose at run time; its builder, no part
    # of a recipe, measures what it has built.
    allowed = {
        "feedback.quality": {"tiny.judge"},
        "chat.choice": {"tiny.writer"},
        "tiny.build": {"evaluation.tiny"},
    }
    assert rightwards <= allowed.get(name_of(file), set())


# Lazy imports fail only when their function runs, and what imports a name may be run by hand alone.
IMPORTERS = [file for top in ("autoif_train", "benchmarks", "recipes", "tests") for file in (ROOT / top).rglob("*.py")]


@pytest.mark.parametrize("file", IMPORTERS, ids=lambda file: str(file.relative_to(ROOT)))
def test_every_name_that_is_imported_is_there(file):
    nodes = ast.walk(ast.parse(file.read_text(encoding="utf-8")))
    own = [
        node for node in nodes if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("autoif_train")
    ]
    gone = {
        f"{node.module}.{alias.name}"
        for node in own
        for alias in node.names
        if not hasattr(importlib.import_module(node.module), alias.name)
        and importlib.util.find_spec(f"{node.module}.{alias.name}") is None
    }
    assert gone == set()


def test_the_nouns_import_nothing_but_the_standard_library():
    tree = ast.parse((PACKAGE / "types.py").read_text(encoding="utf-8"))
    names = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    names |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert names <= {"__future__", "dataclasses", "hashlib", "json", "collections", "collections.abc", "enum", "typing"}


def test_a_noun_has_its_word_to_itself():
    defined = {
        name_of(file): {
            target.id if isinstance(target, ast.Name) else node.name
            for node in ast.parse(file.read_text(encoding="utf-8")).body
            if isinstance(node, ast.ClassDef | ast.Assign)
            for target in (node.targets if isinstance(node, ast.Assign) else [node])
            if isinstance(target, ast.Name | ast.ClassDef)
        }
        for file in MODULES
    }
    nouns = {*(name for name in defined["types"] if name[0].isupper()), "Run", "Stage"}
    assert {name: found & nouns for name, found in defined.items() if found & nouns}.keys() == {
        "types",
        "run",
        "evaluation.stages",
    }


@pytest.mark.parametrize("file", [file for file in MODULES if name_of(file).startswith("training.")], ids=name_of)
def test_training_never_imports_execution(file):
    seen, waiting = set(), {name_of(file)}
    while waiting:
        name = waiting.pop()
        seen.add(name)
        path = PACKAGE / Path(*name.split("."))
        path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        waiting |= (imported(path) - seen) if path.exists() else set()
    assert not {name for name in seen if part_of(name) == "execution"}


@pytest.mark.parametrize("file", MODULES, ids=name_of)
def test_the_package_never_imports_a_recipe(file):
    recipes = {recipe.stem for recipe in RECIPES.glob("*.py")}
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            assert not {alias.name.split(".")[0] for alias in node.names} & (recipes | {"recipes"})
        elif isinstance(node, ast.ImportFrom):
            assert (node.module or "").split(".")[0] not in recipes | {"recipes"}


def test_no_module_waits_for_itself():
    graph = {name_of(file): imported(file, lazily=False) & {name_of(other) for other in MODULES} for file in MODULES}

    def visit(name, trail):
        assert name not in trail, f"import cycle: {' → '.join([*trail, name])}"
        if name not in done:
            for other in graph.get(name, ()):
                visit(other, [*trail, name])
            done.add(name)

    done: set[str] = set()
    for name in graph:
        visit(name, [])


@pytest.mark.parametrize("file", sorted(RECIPES.glob("*.py")), ids=lambda file: file.stem)
def test_nothing_runs_when_a_recipe_is_imported(file):
    tree = ast.parse(file.read_text(encoding="utf-8"))
    allowed = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef, ast.Assign, ast.AnnAssign, ast.If)
    docstring, *rest = tree.body
    assert isinstance(docstring, ast.Expr)
    assert all(isinstance(node, allowed) for node in rest)
    guards = [node for node in rest if isinstance(node, ast.If)]
    assert [ast.unparse(guard.test) for guard in guards] == ["__name__ == '__main__'"]


@pytest.mark.parametrize("file", sorted(RECIPES.glob("*.py")), ids=lambda file: file.stem)
def test_a_recipe_has_a_main_of_the_settings(file):
    tree = ast.parse(file.read_text(encoding="utf-8"))
    (main,) = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "main"]
    assert [argument.arg for argument in main.args.args] == ["settings"]


def declared_settings(kind: type = Settings, prefix: str = "") -> Iterator[tuple[str, type]]:
    """Every setting with the class of its section, those of sections within sections too."""
    for name, value in typing.get_type_hints(kind).items():
        if dataclasses.is_dataclass(value):
            yield from declared_settings(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", kind


def read_by_name() -> set[str]:
    """Settings that are asked for by a name made at run time: a benchmark's files, and where the policy is served."""
    files = {f"evaluation.{key}" for benchmark in BENCHMARKS.values() for key in benchmark.files}
    return files | {f"sampling.{field.name}" for field in dataclasses.fields(ApiSettings)}


@pytest.fixture(scope="module")
def read():
    return reads([*MODULES, *RECIPES.glob("*.py")])


@pytest.mark.parametrize(("key", "kind"), [pytest.param(*each, id=each[0]) for each in declared_settings()])
def test_every_setting_is_read_of_its_own_section(read, key, kind):
    name = key.rpartition(".")[2]
    found = any((each.__name__, name) in read for each in kind.__mro__)
    assert found or key in read_by_name(), f"{key} is declared and decides nothing"


def test_a_setting_that_another_section_has_too_counts_for_that_one_alone(tmp_path):
    (tmp_path / "a.py").write_text("class A:\n    path: str\n    size: int\nclass B:\n    path: str\n    size: int\n")
    (tmp_path / "b.py").write_text(
        "class Keeper:\n    def __init__(self, a: A):\n        self.a, self.rest = a, 0\n"
        "    def path(self):\n        return self.a.path\n"
        "def size(b: B | None):\n    return b.size\n"
    )
    assert reads(tmp_path.glob("*.py")) >= {("A", "path"), ("B", "size")}
    assert not reads(tmp_path.glob("*.py")) & {("A", "size"), ("B", "path")}


@pytest.mark.parametrize("file", [file for file in MODULES if "inside" not in file.parts], ids=name_of)
def test_no_hidden_randomness(file):
    """Seeds are passed: no draw from the process-wide generator."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "random":
            assert node.attr == "Random", f"{name_of(file)}:{node.lineno}: random.{node.attr}"
