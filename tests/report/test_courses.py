"""Time to quality: when an aim was reached first, whose curve lies apart, and that a report says both."""

import numpy as np
import pytest

from cxrbench.data.dataset import Dataset
from cxrbench.folders import run_folder
from cxrbench.quality.intensity import intensity_wasserstein
from cxrbench.quality.sets import RealSets
from cxrbench.report import course_words, method_words, quality_figures
from cxrbench.report.course_tables import time_to_quality
from cxrbench.report.courses import LEADING, Course, Training, apart, best, in_common, reached
from cxrbench.report.headline import headline
from cxrbench.report.results import Results
from cxrbench.report.training_charts import training_charts
from cxrbench.tasks.report import report_task
from tests.report.fabricate import BACKENDS, COURSE_IMAGES, packed, small_config
from tests.report.test_seeds import add_seed

pytestmark = pytest.mark.usefixtures("undrawn")

HALF = 0.01  # of an interval


def training(backend, *values, seed=0, main=True):
    """One point per epoch of 50 steps and 60 seconds."""
    points = [
        {
            "step": 50 * epoch,
            "epoch": epoch,
            "seconds": 60.0 * epoch,
            "figures": {LEADING: {"value": value, "ci_low": value - HALF, "ci_high": value + HALF}},
        }
        for epoch, value in enumerate(values, start=1)
    ]
    course = Course.model_validate({"n": 100, "floor": {LEADING: 0.001}, "points": points})
    return Training(backend=backend, seed=seed, main=main, batch_size=32, course=course)


def unmeasured(backend, epochs, seed=0, main=True):
    """A training of which the figure that leads was not computed at any point."""
    one = training(backend, *[1.0] * epochs, seed=seed, main=main)
    points = [point.model_copy(update={"figures": {}}) for point in one.course.points]
    return one.model_copy(update={"course": Course(n=100, floor={}, points=points)})


def with_courses(results: Results, *trainings: Training) -> Results:
    return results.model_copy(update={"courses": list(trainings)})


def test_the_clock_stops_at_the_first_point_that_reaches_the_aim():
    course = training("jax", 0.3, 0.06, 0.2, 0.04).course
    assert reached(course, LEADING, 0.06).epoch == 2
    assert reached(course, LEADING, 0.03) is None
    assert reached(course, "fid_inception_n100", 1e9) is None
    assert best(course, LEADING).epoch == 4


def test_a_curve_outside_the_band_of_the_others_is_named_with_its_side():
    others = [training("jax", 0.30, 0.20, 0.10), training("tensorflow", 0.31, 0.19, 0.12)]
    assert apart([*others, training("torch", 0.30, 0.25, 0.20)], LEADING) == {"torch": "worse"}
    assert apart([*others, training("torch", 0.20, 0.10, 0.12)], LEADING) == {"torch": "better"}
    assert apart([*others, training("torch", 0.30, 0.25, 0.12)], LEADING) == {}  # at one point of three
    assert apart([*others, training("torch", 0.33, 0.21, 0.13)], LEADING) == {}  # intervals touch
    assert apart([*others, training("torch", 0.40, 0.30, 0.05)], LEADING) == {}  # now worse, now better
    assert apart([training("jax", 0.3, 0.2), training("torch", 0.6, 0.5)], LEADING) == {}  # two points are too few
    assert apart(others[:1], LEADING) == {} == apart([], LEADING)


def test_the_spread_of_seeds_widens_the_band():
    jax, torch = training("jax", 0.30, 0.20, 0.10), training("torch", 0.40, 0.30, 0.20)
    assert apart([jax, torch], LEADING) == {"jax": "better", "torch": "worse"}
    other = training("jax", 0.41, 0.31, 0.21, seed=1, main=False)
    assert "torch" not in apart([jax, other, torch], LEADING)


def test_a_backend_of_several_seeds_is_apart_only_with_all_of_them():
    near = [training(backend, 0.30, 0.20, 0.10) for backend in ("jax", "tensorflow")]
    torch = training("torch", 0.60, 0.50, 0.40)
    like_the_others = training("torch", 0.31, 0.21, 0.11, seed=1, main=False)
    assert apart([*near, torch, like_the_others], LEADING) == {}
    as_far = training("torch", 0.70, 0.45, 0.35, seed=1, main=False)
    assert apart([*near, torch, as_far], LEADING) == {"torch": "worse"}


def test_a_training_without_the_figure_leaves_the_others_to_be_compared():
    near = [training(backend, 0.30, 0.20, 0.10) for backend in ("jax", "tensorflow")]
    torch = training("torch", 0.60, 0.50, 0.40)
    nothing = unmeasured("torch", 3, seed=1, main=False)
    assert in_common([*near, torch, nothing], LEADING) == [50, 100, 150]
    assert apart([*near, torch, nothing], LEADING) == {"torch": "worse"}
    assert apart([near[0], torch, unmeasured("tensorflow", 3)], LEADING) == {"jax": "better", "torch": "worse"}
    assert in_common([nothing], LEADING) == [] and apart([nothing], LEADING) == {}


def test_the_sentence_tells_the_time_and_who_never_came_there(results):
    made = with_courses(results, training("jax", 0.3, 0.05), training("torch", 0.3, 0.07))
    assert course_words.sentences(made) == [
        "KID, Inception-v3, came down to the aim of 0.0600 after 2 min 0 s of training on JAX; "
        "its best was 0.0700 on PyTorch, of one seed each."
    ]
    assert course_words.sentences(with_courses(results)) == []


def test_whose_images_still_got_better_at_the_end_is_said(results):
    falling, risen = training("jax", 0.3, 0.2, 0.1), training("torch", 0.3, 0.1, 0.2)
    short = training("tensorflow", 0.3, 0.2)  # two points are too few
    said = "KID, Inception-v3, was lowest at the last point on JAX: longer training may bring it lower."
    assert course_words.ending(with_courses(results, falling, risen, short)) == [said]
    assert said in headline(with_courses(results, falling, risen)).further
    assert course_words.ending(with_courses(results, risen)) == [] == course_words.ending(with_courses(results))
    others = [
        training("torch", *values, seed=n, main=False) for n, values in ((1, (0.3, 0.2, 0.1)), (2, (0.3, 0.1, 0.2)))
    ]
    (of_seeds,) = course_words.ending(with_courses(results, falling, risen, *others))
    assert "at the last point on JAX and PyTorch (1 of 3 seeds): longer" in of_seeds


def test_of_several_seeds_the_sentence_tells_the_first_the_last_and_how_many_came(results):
    seeds = {
        "jax": [(0.3, 0.05), (0.3, 0.2, 0.06), (0.3, 0.2, 0.1)],
        "torch": [(0.3, 0.07), (0.3, 0.09)],
        "tensorflow": [(0.3, 0.2, 0.1, 0.05)],
    }
    trainings = [
        training(backend, *values, seed=seed, main=not seed)
        for backend, own in seeds.items()
        for seed, values in enumerate(own)
    ]
    assert course_words.sentences(with_courses(results, *trainings)) == [
        "KID, Inception-v3, came down to the aim of 0.0600 after 2 min 0 s to 3 min 0 s of training on JAX (2 of 3 "
        "seeds reached it) and after 4 min 0 s of training on TensorFlow; its best was 0.0700 to 0.0900 on PyTorch (0 "
        "of 2 seeds reached it), of one seed only on TensorFlow."
    ]


def test_nothing_is_said_of_the_quality_of_a_backend_that_was_not_measured(results):
    made = with_courses(results, training("jax", 0.3, 0.07), unmeasured("torch", 2))
    assert course_words.sentences(made) == [
        "KID, Inception-v3, did not come down to the aim of 0.0600: its best was 0.0700 on JAX, of one seed."
    ]
    assert course_words.sentences(with_courses(results, unmeasured("torch", 2))) == []


def test_a_report_names_whose_curve_lies_apart_before_its_speed(results):
    near = [training(backend, 0.3, 0.2, 0.1) for backend in ("jax", "tensorflow")]
    far = training("torch", 0.6, 0.5, 0.4, 0.3)
    assert course_words.caveats(with_courses(results, *near, far)) == [
        "PyTorch: worse images than the others' at most of the 3 points that all measured trainings have in common "
        "(KID, Inception-v3, intervals apart, of one seed each). Look at that before the speed."
    ]
    assert course_words.caveats(with_courses(results)) == []


def test_of_two_backends_that_lie_apart_each_is_named_beside_the_other(results):
    made = with_courses(
        results, training("jax", 0.3, 0.2, 0.1), training("torch", 0.6, 0.5, 0.4), unmeasured("tensorflow", 3)
    )
    better, worse = course_words.caveats(made)
    assert better.startswith("JAX: better images than PyTorch's at most of the 3 points")
    assert worse.startswith("PyTorch: worse images than JAX's at most of the 3 points")


def test_who_has_one_seed_only_is_said(results):
    once = [training(backend, 0.3, 0.2, 0.1) for backend in ("jax", "tensorflow")]
    once.append(training("torch", 0.6, 0.5, 0.4))
    again = [one.model_copy(update={"seed": 1, "main": False}) for one in once]
    (some,) = course_words.caveats(with_courses(results, *once, again[0]))
    assert "intervals apart, of one seed only on TensorFlow and PyTorch)" in some
    (none,) = course_words.caveats(with_courses(results, *once, *again))
    assert "intervals apart)" in none and "one seed" not in none


def test_the_method_says_what_the_clock_of_a_training_has_in_it(results):
    said = method_words.course(results)
    assert "compile" in said and "the writing of checkpoints" in said and "without the drawing" in said


def test_images_kept_while_training_are_measured_and_drawn(config, results, report, made):
    dataset = Dataset.open(packed(config, made.parent / "datasets"))
    real = RealSets.of(np.asarray(dataset.test), np.asarray(dataset.train), COURSE_IMAGES, config.evaluate.seed, {})
    assert [(one.backend, one.seed, one.main, one.batch_size) for one in results.courses] == [
        (backend, 0, True, 16) for backend in ("jax", "torch", "tensorflow")
    ]
    for one in results.courses:
        assert one.course.n == COURSE_IMAGES
        assert [(p.step, p.epoch, p.seconds) for p in one.course.points] == [(8, 1, 37.5), (16, 2, 75.0)]
        assert all(LEADING in p.figures for p in one.course.points)
        drawn = np.load(run_folder(config, one.backend, made).drawn(2))
        expected = intensity_wasserstein(real.beside(drawn)).value
        assert one.course.points[1].figures["intensity_wasserstein_256"].value == pytest.approx(expected)
        assert one.course.floor["intensity_wasserstein_256"] == intensity_wasserstein(real.floor("reference")).value
    assert (report / "course.png").exists()
    assert "## Time to quality" in (report / "report.md").read_text()
    assert 'id="course"' in (report / "index.html").read_text()


def test_courses_of_other_seeds_are_beside(config, runs, tmp_path):
    add_seed(runs, 3, 5.0)
    folder = report_task(config, BACKENDS, runs, tmp_path / "reports")
    found = Results.model_validate_json((folder / "results.json").read_text()).courses
    assert [(one.seed, one.main) for one in found if one.backend == "jax"] == [(0, True), (3, False)]


@pytest.mark.parametrize("target", ["0.5", "0.0001"])
def test_the_aim_is_a_setting_of_the_report(runs, tmp_path, target):
    folder = report_task(small_config(evaluate_target_kid=target), BACKENDS, runs, tmp_path / "reports")
    results = Results.model_validate_json((folder / "results.json").read_text())
    (sentence,) = course_words.sentences(with_courses(results, training("jax", 0.3, 0.05)))
    assert ("did not come down to the aim of 0.000100" in sentence) == (target == "0.0001")
    assert ("came down to the aim of 0.500 after 1 min 0 s" in sentence) == (target == "0.5")


def test_one_training_without_the_network_spoils_no_figure(results, tmp_path):
    bare = training("jax", 0.3, 0.2)
    poor = bare.model_copy(update={"backend": "torch", "course": Course(n=100, floor={}, points=[])})
    made = with_courses(results, poor, bare)
    assert quality_figures.course(made.courses, 0.06) is not None
    assert [one.part for one in training_charts(made, {})] == ["course"]
    assert len(time_to_quality(made).rows) == 1
