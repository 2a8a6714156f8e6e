"""Adam (Kingma & Ba 2015), in Keras's form, written once.

Keras's own Adam has different code per backend: in place on one of them, which a step that is a pure
function cannot use, and with the terms of the moving averages in another order, which rounds
differently. This one is a Keras optimizer all the same, so Keras saves and loads its state.
"""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import ops

Tensor = Any


@keras.saving.register_keras_serializable("cxrbench")
class Adam(keras.optimizers.Optimizer):
    """``m += (g - m)(1 - b1)``, ``v += (g^2 - v)(1 - b2)``, ``w -= a m / (sqrt(v) + epsilon)``.

    With ``a = learning_rate sqrt(1 - b2^t) / (1 - b1^t)``: epsilon is outside of the bias correction.
    """

    def __init__(self, learning_rate: float, beta_1: float, beta_2: float, epsilon: float, **kwargs: Any):
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon

    def build(self, variables: list[keras.Variable]) -> None:
        if self.built:
            return
        super().build(variables)
        self.means, self.squares = self.add_optimizer_variables(variables, ["momentum", "velocity"])

    def update_step(self, gradient: Tensor, variable: keras.Variable, learning_rate: Tensor) -> None:
        index = self._get_variable_index(variable)
        step = ops.cast(self.iterations + 1, variable.dtype)
        correction = ops.sqrt(_one_minus_power(self.beta_2, step)) / _one_minus_power(self.beta_1, step)
        mean, square = self.means[index], self.squares[index]
        new_mean = mean + (gradient - mean) * (1.0 - self.beta_1)
        new_square = square + (ops.square(gradient) - square) * (1.0 - self.beta_2)
        self.assign(mean, new_mean)
        self.assign(square, new_square)
        change = learning_rate * correction * new_mean / (ops.sqrt(new_square) + self.epsilon)
        self.assign_sub(variable, change)

    def get_config(self) -> dict[str, Any]:
        betas = {"beta_1": self.beta_1, "beta_2": self.beta_2, "epsilon": self.epsilon}
        return super().get_config() | betas


def _one_minus_power(beta: float, step: Tensor) -> Tensor:
    """``1 - beta^t``, exact to the last digits in float32 too.

    Subtracting a power that is near 1 loses most of its digits: with beta 0.999 the first steps would be wrong by up
    to 1e-4 of their length, and by another amount on each engine.
    """
    return -ops.expm1(step * (math.log(beta) if beta else -math.inf))
