"""An engine on a virtual clock, with a queue: it does nothing, and how long nothing takes is chosen here."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

READING = 1e-7  # seconds that a reading of the clock takes
# Standard deviation of the logarithm of a process's speed: in the report speed 0.027 in the median of its 22 variants
# and settings, 0.009 the quietest, 0.1 and more where stock Keras on TensorFlow changes its speed.
PROCESS_NOISE = 0.03
BLOCK_NOISE = 0.03  # the same of a block within its process


@dataclass
class VirtualClock:
    """Seconds since its start; shows whole ticks where ``tick`` is above 0."""

    tick: float = 0.0
    now: float = 0.0

    def __call__(self) -> float:
        self.now += READING
        return self.now // self.tick * self.tick if self.tick else self.now


@dataclass
class FakeEngine:
    """``run`` enqueues and returns at once, ``wait`` moves the clock to the end of the queue.

    A step lasts ``seconds``, times exp(normal * ``jitter``), times (1 + ``drift``) to the power of its number, times
    1 + ``slow`` * exp(-number / ``fade``). ``resident`` grows by ``leak`` bytes per step, in whole chunks of ``chunk``
    bytes, beside normal noise of ``noise`` bytes.
    """

    clock: VirtualClock = field(default_factory=VirtualClock)
    seconds: float = 0.01
    jitter: float = 0.0
    drift: float = 0.0
    slow: float = 0.0
    fade: float = 1.0
    leak: float = 0.0
    chunk: int = 1
    noise: float = 0.0
    enqueue: float = 2e-5  # seconds to enqueue a step
    synchronize: float = 1e-5  # seconds that a wait takes by itself
    seed: int = 0
    done: int = 0
    ends: float = 0.0

    def __post_init__(self) -> None:
        self.random = np.random.default_rng(self.seed)

    def run(self, steps: int) -> None:
        for _ in range(steps):
            self.clock.now += self.enqueue
            start = max(self.ends, self.clock.now)
            self.ends = start + self.expected() * float(np.exp(self.random.normal(0.0, self.jitter)))
            self.done += 1

    def wait(self) -> None:
        self.clock.now = max(self.clock.now, self.ends) + self.synchronize

    def expected(self) -> float:
        """Seconds of the next step, but for its jitter."""
        beginning = 1.0 + self.slow * float(np.exp(-self.done / self.fade))
        return self.seconds * beginning * (1.0 + self.drift) ** self.done

    def resident(self) -> int:
        """Bytes now, with noise of its own at every call."""
        return int(1e9 + self.leak * self.done // self.chunk * self.chunk + self.random.normal(0.0, self.noise))


def processes(
    random: np.random.Generator,
    seconds: float,
    count: int = 5,
    blocks: int = 10,
    noise: float = PROCESS_NOISE,
    machine: NDArray[np.float64] | float = 0.0,
) -> list[list[float]]:
    """Block times of ``count`` processes whose true median is ``seconds``; ``machine`` is added to their logarithms."""
    speeds = random.normal(0.0, noise, (count, 1)) + np.reshape(machine, (-1, 1))
    logs = speeds + random.normal(0.0, BLOCK_NOISE, (count, blocks))
    return (seconds * np.exp(logs)).tolist()
