"""The modes of the peers: which there are, and that one compiles in its first step alone."""

import keras
import numpy as np
import pytest

from cxrbench.errors import ConfigError
from cxrbench.folders import BACKENDS
from cxrbench.native import MODES
from tests.native.pair import SETTINGS, Pair, numpy

pytestmark = pytest.mark.engine
BACKEND = keras.backend.backend()


def test_every_backend_has_modes_and_they_are_told_apart():
    assert set(MODES) == set(BACKENDS)
    assert len({Pair(mode).peer.describe() for mode in MODES[BACKEND]}) == len(MODES[BACKEND])


def test_a_mode_of_another_backend_is_refused():
    with pytest.raises(ConfigError) as refused:
        Pair("autograph")
    assert "'autograph'" in str(refused.value)
    assert all(mode in str(refused.value) for mode in (BACKEND, *MODES[BACKEND]))


@pytest.mark.skipif(BACKEND != "torch", reason="the other engines trace a step once, whatever it computes")
def test_torch_compiles_one_graph_for_each_loss_in_its_first_step_and_none_later():
    from torch._dynamo.utils import counters

    pair = Pair("compile", *SETTINGS)
    assert pair.ours.config.objective.generator_updates > 1
    graphs, seen = [counters["stats"]["unique_graphs"]], []
    for step in range(12):
        seen.append(numpy(pair.peer_step(step))[-1])
        graphs.append(counters["stats"]["unique_graphs"])
    assert 0 < sum(seen) < len(seen), "the gate must have been open and closed"
    assert np.diff(graphs).tolist() == [2] + [0] * 11
