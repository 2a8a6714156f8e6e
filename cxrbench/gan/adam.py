"""Adam (Kingma & Ba 2015), in Keras's form, written once.

Keras's own Adam has different code per backend: in place on one of them, which a step that is a pure
function cannot use, and with the terms of the moving averages in another order, which rounds
differently. This one is a Keras optimizer all the same, so Keras saves and loads its state.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import keras
from keras import ops

Tensor = Any


@keras.saving.register_keras_serializable("cxrbench")
class Adam(keras.optimizers.Optimizer):
    """``m += (g - m)(1 - b1)``, ``v += (g^2 - v)(1 - b2)``, ``w -= a m / (sqrt(v) + epsilon)``.

    With ``a = learning_rate sqrt(1 - b2^t) / (1 - b1^t)``: epsilon is outside of the bias correction.
    With a ``half_life`` the rate of update t is ``learning_rate 0.5^((t - 1) / half_life)``, as by Keras's
    ``ExponentialDecay``; 0 leaves it as it is.
    """

    def __init__(
        self, learning_rate: float, beta_1: float, beta_2: float, epsilon: float, half_life: int = 0, **kwargs: Any
    ):
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.beta_1, self.beta_2, self.epsilon, self.half_life = beta_1, beta_2, epsilon, half_life

    def build(self, variables: list[keras.Variable]) -> None:
        if self.built:
            return
        super().build(variables)
        self.means, self.squares = self.add_optimizer_variables(variables, ["momentum", "velocity"])

    def apply(
        self, grads: list[Tensor], trainable_variables: list[keras.Variable], condition: Tensor | None = None
    ) -> None:
        """Update all variables and slots; where ``condition`` (scalar boolean) is false, leave all as it was.

        Decided in the graph: reading the condition back would stop the device at every step.
        """
        self.build(trainable_variables)
        with keras.name_scope(self.name):  # by which profiles know the optimizer's operations
            count = self.iterations.value + 1
            for gradient, variable in zip(grads, trainable_variables, strict=True):
                for changed, new in self._updated(gradient, variable, count):
                    _assign(changed, new, condition)
            _assign(self.iterations, count, condition)

    def _updated(
        self, gradient: Tensor, variable: keras.Variable, count: Tensor
    ) -> Iterator[tuple[keras.Variable, Tensor]]:
        """A weight and its slots with their new values."""
        index, step = self._get_variable_index(variable), ops.cast(count, variable.dtype)
        correction = ops.sqrt(_one_minus_power(self.beta_2, step)) / _one_minus_power(self.beta_1, step)
        rate = ops.cast(self.learning_rate, variable.dtype) * correction
        if self.half_life:
            rate *= ops.exp((1.0 - step) * (math.log(2.0) / self.half_life))
        mean, square = self.means[index], self.squares[index]
        new_mean = mean + (gradient - mean) * (1.0 - self.beta_1)
        new_square = square + (ops.square(gradient) - square) * (1.0 - self.beta_2)
        yield mean, new_mean
        yield square, new_square
        yield variable, variable - rate * new_mean / (ops.sqrt(new_square) + self.epsilon)

    def get_config(self) -> dict[str, Any]:
        own = {"beta_1": self.beta_1, "beta_2": self.beta_2, "epsilon": self.epsilon, "half_life": self.half_life}
        return super().get_config() | own


def _assign(variable: keras.Variable, new: Tensor, condition: Tensor | None) -> None:
    variable.assign(new if condition is None else ops.where(condition, new, variable.value))


def _one_minus_power(beta: float, step: Tensor) -> Tensor:
    """``1 - beta^t``, exact to the last digits in float32 too.

    Subtracting a power that is near 1 loses most of its digits: with beta 0.999 the first steps would be wrong by up
    to 1e-4 of their length, and by another amount on each engine.
    """
    return -ops.expm1(step * (math.log(beta) if beta else -math.inf))
