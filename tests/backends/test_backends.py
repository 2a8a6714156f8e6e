"""The three files of backends/ offer the same functions, and each does what the table says."""

import ast
import inspect
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops

from cxrbench import backends
from cxrbench.errors import RunError
from tests.gan.small import Small, small_config

pytestmark = pytest.mark.engine

FOLDER = Path(backends.__file__).parent


def signatures(backend):
    tree = ast.parse((FOLDER / f"{backend}.py").read_text(encoding="utf-8"))
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")]
    return {node.name: (ast.unparse(node.args), ast.unparse(node.returns)) for node in functions}


def test_the_three_files_offer_the_same_functions_with_the_same_signatures():
    assert signatures("jax") == signatures("torch") == signatures("tensorflow")
    assert set(signatures("jax")) >= {"value_and_grad", "compile", "fuse", "synchronize", "to_device", "memory"}


def test_no_engine_is_named_in_the_definition():
    for room in ("gan", "data", "quality"):
        for file in (FOLDER.parent / room).glob("*.py"):
            text = file.read_text(encoding="utf-8")
            for name in ("jax", "torch", "tensorflow"):
                assert f"import {name}" not in text, file
                assert f"from {name}" not in text, file


def test_value_and_grad_differentiates_the_chosen_and_keeps_the_changes_of_others():
    engine = backends.active()
    chosen, other = keras.Variable([2.0, 3.0]), keras.Variable(1.0)

    def loss():
        other.assign(other + 5.0)
        return ops.sum(ops.square(chosen) * other), chosen * 1.0

    value, extra, (gradient,) = engine.value_and_grad(loss, [chosen], [chosen, other])
    assert float(value) == pytest.approx(13 * 6)
    np.testing.assert_allclose(ops.convert_to_numpy(extra), [2, 3])
    np.testing.assert_allclose(ops.convert_to_numpy(gradient), [24, 36])
    assert float(ops.convert_to_numpy(other.value)) == 6.0


def test_compile_carries_variable_updates_from_call_to_call():
    engine = backends.active()
    total = keras.Variable(0.0)

    def add(amount):
        total.assign(total + amount)
        return total * 2.0

    compiled = engine.compile(add, [total], 1)
    outputs = [float(compiled(engine.to_device(np.float32(amount)))) for amount in (1, 2, 4)]
    assert outputs == [2.0, 6.0, 14.0]
    assert float(ops.convert_to_numpy(total.value)) == 7.0


def test_a_long_training_compiled_is_the_same_step():
    short, long = Small(small_config()), Small(small_config(), calls=10**6)
    np.testing.assert_allclose(short.run(3), long.run(3), rtol=1e-5, atol=1e-6)


def test_fuse_does_not_change_the_function():
    engine = backends.active()
    tensor = engine.to_device(np.linspace(0, 1, 7, dtype=np.float32))
    function = lambda x: ops.tanh(x) * 2.0  # noqa: E731
    np.testing.assert_allclose(
        ops.convert_to_numpy(engine.fuse(function)(tensor)), 2 * np.tanh(np.linspace(0, 1, 7)), rtol=1e-5
    )


def test_a_gpu_that_is_not_there_is_refused_by_its_key():
    engine = backends.active()
    if engine.device() == "gpu":
        pytest.skip("this machine has a GPU")
    with pytest.raises(RunError, match="compute.device"):
        engine.configure(small_config("compute.device=gpu").compute)


@pytest.mark.parametrize("tf32", [True, False])
def test_tf32_is_set_and_not_left_to_the_engine(tf32):
    engine = backends.active()
    engine.configure(small_config(f"compute.tf32={str(tf32).lower()}").compute)
    try:
        if engine.__name__.endswith("jax"):
            import jax

            setting = jax.config.jax_default_matmul_precision == "tensorfloat32"
        elif engine.__name__.endswith("torch"):
            import torch

            setting = torch.backends.cudnn.allow_tf32 and torch.backends.cuda.matmul.allow_tf32
        else:
            import tensorflow as tf

            setting = tf.config.experimental.tensor_float_32_execution_enabled()
        assert setting == tf32
    finally:
        engine.configure(small_config().compute)


def test_the_cpu_can_be_asked_for_and_lasts():
    engine = backends.active()
    engine.configure(small_config("compute.device=cpu").compute)
    assert engine.device() == "cpu"
    if engine.__name__.endswith("torch"):
        from keras.src.backend.common import global_state

        assert global_state.get_global_attribute("torch_device") == "cpu"
    elif engine.__name__.endswith("jax"):
        import jax

        assert jax.config.jax_default_device.platform == "cpu"


def test_describe_names_engine_and_device():
    engine = backends.active()
    described = engine.describe(10)
    assert described["engine"].startswith(keras.backend.backend())
    assert described["device"] == engine.device()
    assert inspect.getdoc(engine)
