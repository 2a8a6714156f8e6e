"""Tests marked `engine` run once per backend, where Keras is installed; the others need neither."""

import importlib.util

# Their modules import Keras, so they cannot even be collected without it.
NEED_KERAS = ["gan", "backends", "tasks/test_bench.py", "tasks/test_train.py", "tasks/test_checkpoints.py"]
collect_ignore = [] if importlib.util.find_spec("keras") else NEED_KERAS
