"""What importing the package does and does not do, and which part may import which."""

import ast
import json
import os
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parent.parent

IMPORTS = """
import json, os, random, sys, warnings
import keras, numpy as np, tensorflow as tf

def settings():
    return {
        "floatx": keras.config.floatx(),
        "dtype policy": keras.config.dtype_policy().name,
        "epsilon": keras.config.epsilon(),
        "backend": keras.config.backend(),
        "image data format": keras.config.image_data_format(),
        "traceback filtering": keras.config.is_traceback_filtering_enabled(),
        "numpy errors": np.geterr(),
        "numpy print options": repr(np.get_printoptions()),
        "numpy random state": repr(np.random.get_state()),
        "random state": repr(random.getstate()),
        "environment": dict(os.environ),
        "warning filters": [repr(entry) for entry in warnings.filters],
        "devices": [repr(device) for device in tf.config.list_physical_devices()],
        "soft placement": tf.config.get_soft_device_placement(),
        "threads": [tf.config.threading.get_inter_op_parallelism_threads(),
                    tf.config.threading.get_intra_op_parallelism_threads()],
        "functions run eagerly": tf.config.functions_run_eagerly(),
        "optimizer jit": tf.config.optimizer.get_jit(),
        "tensor float 32": tf.config.experimental.tensor_float_32_execution_enabled(),
        "logger level": tf.get_logger().level,
        "recursion limit": sys.getrecursionlimit(),
        "path": sys.path,
        "working directory": os.getcwd(),
    }

before, loaded = settings(), set(sys.modules)
import svgp_vae_tf
after = settings()
complete = all(hasattr(svgp_vae_tf, name) for name in svgp_vae_tf.__all__)
print(json.dumps({"before": before, "after": after, "new": sorted(set(sys.modules) - loaded), "complete": complete}))
"""


@pytest.fixture(scope="module")
def imported() -> dict:
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    line = [sys.executable, "-c", IMPORTS]
    result = subprocess.run(line, check=True, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=300)
    return json.loads(result.stdout)


def test_importing_changes_no_global_setting(imported):
    assert imported["before"]["floatx"] == "float32"
    assert imported["after"] == imported["before"]
    assert imported["complete"]


def test_importing_loads_nothing_but_the_package(imported):
    """TensorFlow Probability and matplotlib wait for their first use."""
    top = {name.split(".")[0] for name in imported["new"]} - set(sys.stdlib_module_names)
    assert top == {"svgp_vae_tf"}


def imports_of(path: pathlib.Path) -> set[str]:
    """Modules that a file imports anywhere, functions included, dotted."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def files(folder: str) -> list[pathlib.Path]:
    return sorted((ROOT / folder).rglob("*.py"))


PACKAGE = {path.relative_to(ROOT).as_posix(): imports_of(path) for path in files("svgp_vae_tf")}

ORDER = [
    "distribution errors network_shapes",
    "gp",
    "features kernels layers likelihoods objectives optimizers",
    "auxiliary groups inducing networks priors",
    "models",
    "callbacks saving",
]
"""Each part may import from parts before it, and from itself."""


def part_of(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def level(part: str) -> int:
    return next(i for i, parts in enumerate(ORDER) if part in parts.split())


@pytest.mark.parametrize("path", [path for path in PACKAGE if path != "svgp_vae_tf/__init__.py"])
def test_imports_point_one_way(path):
    own = path.split("/")[1].removesuffix(".py")
    for module in PACKAGE[path]:
        if module.startswith("svgp_vae_tf"):
            part = part_of(module)
            assert part, f"{path} imports the package as a whole"
            assert part == own or level(part) < level(own), f"{path} imports {module}"


@pytest.mark.parametrize("path", [path for path in PACKAGE if path.startswith("svgp_vae_tf/gp/")])
def test_the_algebra_imports_tensorflow_alone(path):
    outside = {module.split(".")[0] for module in PACKAGE[path]} - set(sys.stdlib_module_names)
    assert outside <= {"tensorflow", "svgp_vae_tf"}
    assert all(part_of(module) == "gp" for module in PACKAGE[path] if module.startswith("svgp_vae_tf"))


@pytest.mark.parametrize("path", PACKAGE)
def test_the_package_knows_no_experiment_and_few_libraries(path):
    top = {module.split(".")[0] for module in PACKAGE[path]} - set(sys.stdlib_module_names)
    allowed = {"svgp_vae_tf", "tensorflow", "keras", "numpy"}
    allowed |= {"tensorflow_probability"} if path.startswith("svgp_vae_tf/kernels") else set()
    allowed |= {"scipy"} if path == "svgp_vae_tf/inducing.py" else set()
    allowed |= {"matplotlib"} if path == "svgp_vae_tf/callbacks.py" else set()  # where a picture is written
    allowed |= {"h5py"} if path == "svgp_vae_tf/saving.py" else set()
    assert top <= allowed


@pytest.mark.parametrize("path", files("data_generators"), ids=lambda path: path.name)
def test_data_generators_know_no_model(path):
    top = {module.split(".")[0] for module in imports_of(path)}
    libraries = {"keras"} if path.name == "rotated_mnist.py" else set()  # keras.datasets is one of its sources
    assert not top & ({"svgp_vae_tf", "run_experiments", "keras"} - libraries)


@pytest.mark.parametrize("folder", ["svgp_vae_tf", "data_generators", "run_experiments", "benchmarks"])
def test_nothing_imports_the_old_keras(folder):
    for path in files(folder):
        assert not {module.split(".")[0] for module in imports_of(path)} & {"tf_keras"}
        assert not any(module.startswith("tensorflow.keras") for module in imports_of(path)), path


@pytest.mark.parametrize("folder", ["svgp_vae_tf", "run_experiments"])
def test_nothing_draws_with_pyplot(folder):
    assert not [path for path in files(folder) if "matplotlib.pyplot" in imports_of(path)]


# The floors of the experiments.

EXPERIMENTS = ("moving_ball", "rotated_mnist", "sprites")
PROGRAMS = ("demo", "report", "reproduce")


@pytest.mark.parametrize("path", files("run_experiments"), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_experiments_import_what_they_share_and_never_each_other(path):
    own = path.relative_to(ROOT).parts[1].removesuffix(".py")
    rooms = {m.split(".")[1] for m in imports_of(path) if m.startswith("run_experiments.")}
    if own in PROGRAMS:
        assert rooms <= {*EXPERIMENTS, "common", *PROGRAMS}
    elif own in EXPERIMENTS:
        assert rooms <= {own, "common", "original"}
    else:
        assert rooms <= {own, "__init__"}


def modules_of(folder: str) -> dict[str, set[str]]:
    """By dotted name, the modules of the same folder that a module imports when it is imported."""
    paths = {".".join(p.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): p for p in files(folder)}
    found = {}
    for name, path in paths.items():
        tree = ast.parse(path.read_text())
        top = ast.Module([node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)], [])
        imported = {alias.name for node in top.body if isinstance(node, ast.Import) for alias in node.names}
        for node in top.body:
            if isinstance(node, ast.ImportFrom):
                imported |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        found[name] = {module for module in imported if module in paths and module != name}
    return found


@pytest.mark.parametrize("folder", ["svgp_vae_tf", "data_generators", "run_experiments", "benchmarks", "tests"])
def test_imports_have_no_circle(folder):
    left = modules_of(folder)
    # a package's own modules may be imported through it
    left = {name: {m for m in imported if not name.startswith(f"{m}.")} for name, imported in left.items()}
    while free := [name for name, imported in left.items() if not imported & set(left)]:
        left = {name: imported for name, imported in left.items() if name not in free}
    assert not left, sorted(left)


# Shape of the code.

CODE = [
    path for folder in ("svgp_vae_tf", "data_generators", "run_experiments", "benchmarks") for path in files(folder)
]


@pytest.mark.parametrize("path", CODE, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_files_have_less_than_300_lines_and_functions_less_than_50(path):
    text = path.read_text()
    assert len(text.splitlines()) < 300
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            documented = ast.get_docstring(node, clean=False)
            lines = node.end_lineno - node.lineno + 1 - (documented.count("\n") + 1 if documented else 0)
            assert lines < 50, f"{node.name} has {lines} lines without its docstring"


def test_models_inherit_from_one_class_that_inherits_from_keras():
    import keras

    from svgp_vae_tf import models

    own = [getattr(models, name) for name in models.__all__]
    assert models.LatentModel.__bases__ == (keras.Model,)
    for model in own:
        lines = [cls for cls in model.__mro__ if cls.__module__.startswith("svgp_vae_tf")]
        assert len(model.__bases__) == 1
        assert len(lines) <= 2, model


def test_no_test_imports_another_test():
    for path in files("tests"):
        for module in imports_of(path):
            assert not module.split(".")[-1].startswith("test_") or path.name == module.split(".")[-1] + ".py", path


CORE_ALONE = """
import sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("matplotlib", "mlxtend", "sklearn", "tensorboard", "run_experiments"):
            raise ImportError(f"{name} is no part of the core install")

sys.meta_path.insert(0, Refuse())
from tests.helpers import small_models
import svgp_vae_tf as svgp

x, y = small_models.series()
model = small_models.make("hensman")
model.compile("adam")
model.fit(x, y, verbose=0)
model.condition(x, y)
model.predict(x, verbose=0)
model.save(sys.argv[1])
print(svgp.load_model(sys.argv[1]).sample(x).shape)
"""


def test_the_core_install_trains_conditions_predicts_and_saves(tmp_path):
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": str(ROOT)}
    line = [sys.executable, "-c", CORE_ALONE, str(tmp_path / "model.keras")]
    result = subprocess.run(
        line, check=True, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=300
    )
    assert result.stdout.strip() == "(1, 6, 8, 3)"
