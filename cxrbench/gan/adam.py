"""Adam (Kingma & Ba 2015), in Keras's form, written once.

Keras's own Adam has different code per backend: in place on one of them, which a step that is a pure
function cannot use, and with the terms of the moving averages in another order, which rounds
differently. This one is a Keras optimizer all the same, so Keras saves and loads its state.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import keras
from keras import ops

Tensor = Any


@keras.saving.register_keras_serializable("cxrbench")
class Adam(keras.optimizers.Optimizer):
    """``m += (g - m)(1 - b1)``, ``v += (g^2 - v)(1 - b2)``, ``w -= a m / (sqrt(v) + epsilon)``.

    With ``a = learning_rate sqrt(1 - b2^t) / (1 - b1^t)``: epsilon is outside of the bias correction.

    Args:
        fuse: an engine's way to make one kernel of many operations; all weights are updated in one.
    """

    def __init__(
        self,
        learning_rate: float,
        beta_1: float,
        beta_2: float,
        epsilon: float,
        fuse: Callable[[Callable[..., Any]], Callable[..., Any]] = lambda function: function,
        **kwargs: Any,
    ):
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon
        self._updated = fuse(self._update)

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
        places = [self._get_variable_index(variable) for variable in trainable_variables]
        slots = [[kind[place] for place in places] for kind in (self.means, self.squares)]
        touched = [trainable_variables, *slots, [self.iterations]]
        old = [[variable.value for variable in kind] for kind in touched]
        new = self._updated(list(grads), old, self.learning_rate.value, condition)
        for kind, values in zip(touched, new, strict=True):
            for variable, value in zip(kind, values, strict=True):
                variable.assign(value)

    def _update(
        self, gradients: list[Tensor], old: list[list[Tensor]], learning_rate: Tensor, condition: Tensor | None
    ) -> list[list[Tensor]]:
        """Old weights, means, squares and [iterations] -> new ones."""
        weights, means, squares, (iterations,) = old
        new: list[list[Tensor]] = [[], [], [], [iterations + 1]]
        for gradient, weight, mean, square in zip(gradients, weights, means, squares, strict=True):
            step = ops.cast(iterations + 1, weight.dtype)
            correction = ops.sqrt(_one_minus_power(self.beta_2, step)) / _one_minus_power(self.beta_1, step)
            rate = ops.cast(learning_rate, weight.dtype) * correction
            new_mean = mean + (gradient - mean) * (1.0 - self.beta_1)
            new_square = square + (ops.square(gradient) - square) * (1.0 - self.beta_2)
            new_weight = weight - rate * new_mean / (ops.sqrt(new_square) + self.epsilon)
            for kind, value in zip(new, (new_weight, new_mean, new_square), strict=False):
                kind.append(value)
        if condition is None:
            return new
        return [
            [ops.where(condition, *pair) for pair in zip(*kinds, strict=True)] for kinds in zip(new, old, strict=True)
        ]

    def get_config(self) -> dict[str, Any]:
        betas = {"beta_1": self.beta_1, "beta_2": self.beta_2, "epsilon": self.epsilon}
        return super().get_config() | betas


def _one_minus_power(beta: float, step: Tensor) -> Tensor:
    """``1 - beta^t``, exact to the last digits in float32 too.

    Subtracting a power that is near 1 loses most of its digits: with beta 0.999 the first steps would be wrong by up
    to 1e-4 of their length, and by another amount on each engine.
    """
    return -ops.expm1(step * (math.log(beta) if beta else -math.inf))
