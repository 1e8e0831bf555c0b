"""The rules of the house: who may import whom, what is public, and what is never done."""

import ast
import importlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parent.parent
# Within snn a module imports only from those above it.
FLOORS = [
    *(
        "errors",
        "memory",
        "units",
        "jit",
        "lanes",
        "tiles",
        "structs",
        "groups",
        "cuda_cache",
        "cuda",
        "arithmetic",
        "quantiles",
        "random",
        "poisson",
        "checks",
        "neurons",
        "synapses",
    ),
    *("connectivity", "stimuli", "population", "projection", "network", "program", "engines", "interrupts", "extras"),
    *(
        "statistics",
        "plotting",
        "files",
        "recording",
        "engine_choice",
        "changes",
        "settling",
        "progress",
        "simulation",
        "networks",
    ),
]
SOURCES = sorted(path for package in ("snn", "ann", "bridge") for path in (ROOT / package).rglob("*.py"))


def imports(path, nested=False):
    """Modules that a file imports at module level (or anywhere), outside `if TYPE_CHECKING`."""
    tree = ast.parse(path.read_text())
    nodes = ast.walk(tree) if nested else tree.body
    found = []
    for node in nodes:
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found.append(node.module)
            found += [f"{node.module}.{alias.name}" for alias in node.names]
    return found


def name_of(path):
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_packages_keep_to_their_floor(path):
    forbidden = {
        "snn": {"torch", "snntorch", "ann", "bridge", "brian2", "matplotlib", "tqdm", "pandas", "neo", "elephant"},
        "ann": {"snn", "bridge", "brian2"},
        "bridge": {"matplotlib", "torch", "snntorch"}
        if path.name != "figures.py" and path.parent.name != "operations"
        else set(),
    }[name_of(path).split(".")[0]]
    assert not forbidden & {module.split(".")[0] for module in imports(path)}


@pytest.mark.parametrize("path", [p for p in SOURCES if name_of(p).startswith("snn.")], ids=name_of)
def test_modules_of_snn_import_only_what_is_below_them(path):
    own = FLOORS.index(name_of(path).split(".")[1])
    for module in imports(path):
        parts = module.split(".")
        if parts[0] == "snn" and len(parts) > 1 and parts[1] in FLOORS:
            assert FLOORS.index(parts[1]) <= own, f"{name_of(path)} imports {module}"


def test_operations_of_pytorch_are_imported_on_use():
    for path in SOURCES:
        if path.is_relative_to(ROOT / "bridge") and path.parent.name != "operations":
            assert not any(m.startswith("bridge.operations") for m in imports(path) if m), path


def test_nothing_is_unpickled_or_evaluated():
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                assert called not in ("eval", "exec", "pickle.load", "pickle.loads", "joblib.load"), path
                if called in ("torch.load", "np.load"):
                    options = {k.arg: ast.unparse(k.value) for k in node.keywords}
                    assert options.get("weights_only") == "True" or called == "np.load", path
                    assert options.get("allow_pickle", "False") == "False", path


def test_neuron_mathematics_stands_in_one_place():
    for path in (ROOT / "snn" / "engines").rglob("*.py"):
        assert "math.exp" not in path.read_text()
        assert "np.exp" not in path.read_text()


@pytest.mark.parametrize("package", ["snn", "ann", "bridge"])
def test_public_names_are_exactly_all(package):
    module = importlib.import_module(package)
    public = {
        name for name, thing in vars(module).items() if not name.startswith("_") and not isinstance(thing, ModuleType)
    }
    assert public == set(module.__all__)
    assert list(module.__all__) == sorted(module.__all__, key=lambda n: (not n.isupper(), n.islower(), n))


@pytest.mark.parametrize("package", ["snn", "ann", "bridge"])
def test_public_things_have_docstrings(package):
    module = importlib.import_module(package)
    for name in module.__all__:
        thing = getattr(module, name)
        if callable(thing):
            assert thing.__doc__, name


@pytest.mark.parametrize(
    ("package", "absent"),
    [
        ("snn", ("torch", "brian2", "matplotlib", "tqdm", "pandas", "neo", "elephant")),
        ("bridge", ("torch", "matplotlib", "ann")),
    ],
)
def test_imports_are_light(package, absent):
    code = f"import sys, {package}; print([m for m in {absent!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip() == "[]"


def test_without_a_place_for_the_cache_snn_works_and_warns_once(tmp_path):
    # A copy of the package that nobody can write beside, and a home that does not exist.
    package = tmp_path / "snn"
    package.symlink_to(ROOT / "snn")
    code = """
import warnings
from numba.core import caching
def nowhere(*a):
    return None
for locator in caching.CacheImpl._locator_classes:
    locator.from_function = classmethod(nowhere)
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    import snn
    from snn.random import philox
    assert int(philox(0, 0, 0, 0, 0, 0)[0]) == 0x6627E8D5
print(len([w for w in caught if "cannot be cached" in str(w.message)]))
"""
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, cwd=tmp_path, check=True
    )
    assert done.stdout.strip() == "1"


def test_compiled_kernels_are_kept_until_a_source_changes(tmp_path):
    code = "from snn.random import uniforms; uniforms(0, 0, 1, 0); print(sum(uniforms.stats.cache_hits.values()))"

    def hits():
        environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "cache")}
        command = [sys.executable, "-c", code]
        done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment, check=True)
        return int(done.stdout)

    shutil.copytree(ROOT / "snn", tmp_path / "snn", ignore=shutil.ignore_patterns("__pycache__"))
    assert (hits(), hits()) == (0, 1)
    (tmp_path / "snn" / "neurons" / "integrate_and_fire.py").open("a").write("\n# changed\n")
    assert (hits(), hits()) == (0, 1)
