"""What the tests of training share."""

import csv
import signal

from cxrbench.gan.checkpoints import newest_checkpoint
from cxrbench.tasks.losses import LossLog
from tests.gan.small import small_config

EPOCHS = 3
STEPS = 8 * EPOCHS  # 32 training images in batches of 4


def config(*settings):
    return small_config(f"train.epochs={EPOCHS}", *settings)


def newest(run):
    return newest_checkpoint(run.checkpoints, config().training_fingerprint)[0]


def rows(run):
    with run.losses.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def sessions(run):
    """The first step of every session, and how far it came."""
    return [(one["first_step"], one["steps"]) for one in run.read_manifest()["sessions"]]


def seconds(run):
    """Of training, at every sample grid."""
    with run.progress.open(encoding="utf-8", newline="") as stream:
        return [float(row["train_seconds"]) for row in csv.DictReader(stream)]


def stop_after(monkeypatch, step, number=signal.SIGINT):
    """Send this process a signal while it is in a step."""
    add = LossLog.add

    def add_and_signal(self, now, metrics):
        if now == step:
            signal.raise_signal(number)
        return add(self, now, metrics)

    monkeypatch.setattr(LossLog, "add", add_and_signal)


def weights(file):
    """Every array of a checkpoint, as bytes."""
    import h5py

    found = {}
    with h5py.File(file) as stream:
        stream.visititems(lambda name, node: found.update({name: node[()].tobytes()} if hasattr(node, "dtype") else {}))
    assert len(found) > 20
    return found
