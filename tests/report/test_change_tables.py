"""What made the step fast: each change with its gain, in the order of effect."""

from cxrbench.report.change_tables import changes, greatest
from cxrbench.report.results import Results
from cxrbench.report.standings import standings
from tests.report.fabricate import small_config
from tests.report.fabricate_bench import benchmarked, record

CONFIG = small_config()


def with_changes(*undone):
    """A benchmark with what these changes are worth at the first setting."""
    content = benchmarked(CONFIG)
    for backend, change, ratio in undone:
        interval = {"ci_low": ratio - 0.01, "ci_high": ratio + 0.01}
        for metric, value, ends in (("step_time", 0.1 / ratio, {}), ("step_time_ratio", ratio, interval)):
            content["records"].append(record(CONFIG, backend, metric, value, variant=f"without-{change}", **ends))
    return Results.model_validate(content)


def test_they_stand_in_the_order_of_effect():
    table = changes(with_changes(("torch", "allocator", 0.8), ("jax", "convolutions", 0.1), ("jax", "allocator", 0.9)))
    (setting,), *rows = table.rows
    assert "32x32" in setting.text
    assert [row[0].text for row in rows] == [
        "JAX: convolutions in the fastest of equal forms",
        "PyTorch: the C library keeps freed memory",
        "JAX: the C library keeps freed memory",
    ]
    assert [row[0].backend for row in rows] == ["jax", "torch", "jax"]
    assert rows[0][0].small == "instead of the engine's own convolutions"
    assert (rows[0][1].text, rows[0][2].text) == ("1.00 s", "0.100")
    assert rows[0][2].small == "0.0900 to 0.110"


def test_the_greatest_gain_of_each_backend_is_told_where_it_is_one():
    made = with_changes(
        ("jax", "allocator", 0.9),
        ("jax", "convolutions", 0.1),
        ("torch", "inductor", 0.995),
        ("tensorflow", "graph", 0.6),
    )
    first, second = standings(made)
    assert greatest(first) == [
        "What made it fast at 32x32 images, batch 16: on JAX, convolutions in the fastest of equal forms (0.100 of the "
        "time without that, 0.0900 to 0.110); on TensorFlow, the whole step is one graph (0.600 of the time without "
        "that, 0.590 to 0.610)."
    ]
    assert greatest(second) == []


def test_other_variants_are_not_changes():
    assert changes(with_changes()).rows == []
