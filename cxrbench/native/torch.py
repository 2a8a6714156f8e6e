"""PyTorch: two modules, channels last, and the library's own fused Adam, run eagerly or compiled."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import nn

from cxrbench.config import Config
from cxrbench.native import BATCH_NORM_EPSILON, MODES, Draws, check_mode, dropout_rate, levels

Tensor = Any


class Given(NamedTuple):
    """The random numbers of one update, where they are given."""

    latents: Tensor  # (B, latent_dim)
    noise: Tensor  # (rows, 1, H, W)
    keep: list[Tensor]
    flipped: Tensor


class Generator(nn.Module):
    """Latents (B, latent_dim) -> images (B, 1, H, W) in [-1, 1]."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        model, width = config.model, config.model.generator_width
        self.base, self.levels = model.base_size, levels(config)
        self.dense = nn.Linear(model.latent_dim, self.base**2 * width, bias=False)
        shape = {"kernel_size": model.kernel_size, "stride": 2, "padding": model.kernel_size // 2 - 1}
        for level in range(self.levels):
            if level:
                self.add_module(f"up_{level - 1}", nn.ConvTranspose2d(width, width // 2, bias=False, **shape))
                width //= 2
            norm = nn.BatchNorm2d(width, eps=BATCH_NORM_EPSILON, momentum=1 - model.batch_norm_momentum)
            self.add_module(f"norm_{level}", norm)
        self.image = nn.ConvTranspose2d(width, 1, **shape)

    def forward(self, latents: Tensor) -> Tensor:
        # Rows, columns, channels: so the tensor is channels last as it is.
        hidden = self.dense(latents).view(len(latents), self.base, self.base, -1).permute(0, 3, 1, 2)
        for level in range(self.levels):
            if level:
                hidden = self.get_submodule(f"up_{level - 1}")(hidden)
            hidden = F.relu(self.get_submodule(f"norm_{level}")(hidden), inplace=True)
        return torch.tanh(self.image(hidden))


class Discriminator(nn.Module):
    """Images (B, 1, H, W) -> logits (B, 1)."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        model = config.model
        self.slope, self.rate = model.leaky_slope, dropout_rate(config)
        widths = [1] + [model.discriminator_width << level for level in range(levels(config))]
        shape = {"kernel_size": model.kernel_size, "stride": 2, "padding": model.kernel_size // 2 - 1}
        self.down = [f"down_{level}" for level in range(levels(config))]
        for name, inputs, outputs in zip(self.down, widths, widths[1:], strict=False):
            self.add_module(name, nn.Conv2d(inputs, outputs, **shape))
        self.logit = nn.Linear(model.base_size**2 * widths[-1], 1)

    def forward(self, images: Tensor, keep: list[Tensor] | None = None) -> Tensor:
        hidden = images
        for level, name in enumerate(self.down):
            hidden = F.leaky_relu(self.get_submodule(name)(hidden), self.slope, inplace=True)
            if keep is None:
                hidden = F.dropout(hidden, self.rate)
            else:
                hidden = torch.where(keep[level], hidden / (1 - self.rate), 0)
        return self.logit(hidden.permute(0, 2, 3, 1).flatten(1))


class Peer:
    """The state, between steps."""

    def __init__(self, config: Config, weights: dict[str, NDArray], mode: str = MODES["torch"][0]) -> None:
        self.config, self.mode = config, check_mode("torch", mode)
        self.device = "cuda" if config.compute.device != "cpu" and torch.cuda.is_available() else "cpu"
        self.dtype = getattr(torch, config.compute.precision)
        torch.manual_seed(config.train.seed)
        torch.backends.cudnn.benchmark = not config.compute.deterministic  # shapes never change: the fastest for each
        self.networks: dict[str, Any] = {"generator": Generator(config), "discriminator": Discriminator(config)}
        self.optimizers, self.iterations = {}, dict.fromkeys(self.networks, 0)
        settings = config.optimizer
        for name, network in self.networks.items():
            network.to(self.device, self.dtype, memory_format=torch.channels_last)
            with torch.no_grad():
                for key, tensor in _named(name, network).items():
                    tensor.copy_(torch.from_numpy(np.array(_from_keras(weights[key]))))
            self.optimizers[name] = torch.optim.Adam(
                network.parameters(), settings.learning_rate, (settings.beta_1, settings.beta_2), fused=True
            )
        self.first_variances = {key: value for key, value in weights.items() if key.endswith("moving_variance")}
        self.losses: dict[str, Any] = {"generator": self._generator_loss, "discriminator": self._discriminator_loss}
        if mode == "compile":
            # What is left eager: the gate, which the host decides, and Adam, which is one kernel already and
            # would be compiled anew for every new epsilon. On a CPU, Inductor's own random numbers are slower.
            best: dict[str, Any] = {"mode": "max-autotune"}  # with CUDA graphs
            if self.device == "cpu":
                best = {"options": {"fallback_random": True}}
            for name, loss in self.losses.items():
                self.losses[name] = torch.compile(loss, fullgraph=True, dynamic=False, isolate_recompiles=True, **best)

    def describe(self) -> str:
        compiled = "losses and gradients by torch.compile" + (", CUDA graphs" if self.device == "cuda" else "")
        return f"{compiled if self.mode == 'compile' else 'eager'}, channels last, fused Adam"

    def step(self, images: Tensor, draws: Draws | None = None) -> Tensor:
        """One discriminator update and ``generator_updates`` generator updates."""
        if self.mode == "compile":
            torch.compiler.cudagraph_mark_step_begin()  # what CUDA graphs return in a step is kept until the next
        images = images.to(self.device, non_blocking=True)
        updates = [None] * (1 + self.config.objective.generator_updates) if draws is None else self._given(draws)
        d_loss, d_real, d_fake, skipped = self._update_discriminator(images, updates[0])
        g_losses = [self._update_generator(given) for given in updates[1:]]
        return torch.stack([d_loss, sum(g_losses) / len(g_losses), d_real, d_fake, skipped])

    def state(self) -> dict[str, NDArray]:
        named = {}
        for name, network in self.networks.items():
            named[f"{name}/iterations"] = np.array(self.iterations[name])
            slots = self.optimizers[name].state
            for key, tensor in _named(name, network).items():
                named[key] = _to_keras(tensor)
                if isinstance(tensor, nn.Parameter):
                    zeros = torch.zeros_like(tensor)  # of an optimizer that has made no update yet
                    named[f"{key}/momentum"] = _to_keras(slots[tensor].get("exp_avg", zeros))
                    named[f"{key}/velocity"] = _to_keras(slots[tensor].get("exp_avg_sq", zeros))
                if key in self.first_variances:
                    named[key] = self._biased(key, named[key])
        return named

    def _biased(self, key: str, unbiased: NDArray) -> NDArray:
        """The moving variance as Keras keeps it: of the batches' biased variances.

        After t batches of n values both are ``momentum^t v0`` and a sum over the batches; PyTorch's sum is
        larger by ``n / (n - 1)``.
        """
        norm = self.networks["generator"].get_submodule(key.split("/")[1])
        level = int(key.split("/")[1].removeprefix("norm_"))
        count = self.config.train.batch_size * (self.config.model.base_size << level) ** 2
        left = self.config.model.batch_norm_momentum ** norm.num_batches_tracked.item() * self.first_variances[key]
        return left + (unbiased - left) * (count - 1) / count

    def _update_discriminator(self, images: Tensor, given: Given | None) -> Tensor:
        loss, seen = self.losses["discriminator"](images, given)
        # Where the gate can shut, the host waits for the device here.
        if self.config.objective.gate_accuracy >= 1 or not seen[-1]:
            self._apply("discriminator", loss)
        return seen

    def _update_generator(self, given: Given | None) -> Tensor:
        self.networks["discriminator"].requires_grad_(False)  # else its gradients would be computed too
        loss = self.losses["generator"](given)
        self._apply("generator", loss)
        self.networks["discriminator"].requires_grad_(True)
        return loss.detach()

    def _apply(self, name: str, loss: Tensor) -> None:
        optimizer, settings = self.optimizers[name], self.config.optimizer
        loss.backward()
        self.iterations[name] += 1
        # PyTorch adds epsilon after the bias correction of the second moment, Keras before it.
        optimizer.param_groups[0]["eps"] = settings.epsilon / (1 - settings.beta_2 ** self.iterations[name]) ** 0.5
        optimizer.step()
        optimizer.zero_grad()

    def _discriminator_loss(self, images: Tensor, given: Given | None) -> tuple[Tensor, Tensor]:
        """The loss; and its value, the chances of real and fake to be called real, and 1 if the gate is shut."""
        objective = self.config.objective
        real = images.permute(0, 3, 1, 2).to(self.dtype) / 127.5 - 1
        with torch.no_grad():
            both = torch.cat([real, self.networks["generator"](self._latents(given))])
        is_real = torch.arange(len(both), device=self.device)[:, None] < len(real)
        flipped = given.flipped if given else torch.rand(len(both), 1, device=self.device) < objective.label_flip
        labels = (is_real ^ flipped).to(self.dtype) * (1 - objective.label_smoothing)
        logits = self._judge(both, given)
        loss = F.binary_cross_entropy_with_logits(logits, labels)
        seen = logits.detach()
        accuracy = ((seen > 0) == is_real).to(self.dtype).view(2, -1).mean(1).mean()  # mean of real and fake
        chances = torch.sigmoid(seen).view(2, -1).mean(1)
        return loss, torch.stack([loss.detach(), *chances, (accuracy > objective.gate_accuracy).to(self.dtype)])

    def _generator_loss(self, given: Given | None) -> Tensor:
        logits = self._judge(self.networks["generator"](self._latents(given)), given)
        return F.binary_cross_entropy_with_logits(logits, torch.ones_like(logits))

    def _latents(self, given: Given | None) -> Tensor:
        shape = (self.config.train.batch_size, self.config.model.latent_dim)
        return given.latents if given else torch.randn(shape, device=self.device, dtype=self.dtype)

    def _judge(self, images: Tensor, given: Given | None) -> Tensor:
        noise = given.noise if given else torch.randn_like(images)
        noisy = images + self.config.objective.instance_noise * noise
        return self.networks["discriminator"](noisy, given.keep if given else None)

    def _given(self, draws: Draws) -> list[Given]:
        def tensor(array: NDArray) -> Tensor:
            return torch.from_numpy(array).to(self.device)

        def planes(array: NDArray) -> Tensor:
            return tensor(array).permute(0, 3, 1, 2)

        return [
            Given(tensor(latents), planes(noise), [planes(mask) for mask in masks], tensor(draws.flipped))
            for latents, noise, masks in zip(draws.latents, draws.noise, draws.keep, strict=True)
        ]


def to_device(array: Any) -> Tensor:
    return torch.as_tensor(array)  # a step copies it to the device of its peer


def _named(name: str, network: nn.Module) -> dict[str, Tensor]:
    """Weights and statistics by Keras's names."""
    kinds = {"weight": "kernel", "bias": "bias"}
    norm_kinds = {"weight": "gamma", "bias": "beta", "running_mean": "moving_mean", "running_var": "moving_variance"}
    named = {}
    for key, tensor in [*network.named_parameters(), *network.named_buffers()]:
        layer, kind = key.split(".")
        if kind != "num_batches_tracked":
            named[f"{name}/{layer}/{(norm_kinds if layer.startswith('norm') else kinds)[kind]}"] = tensor
    return named


def _from_keras(array: NDArray) -> NDArray:
    """Kernels (k, k, a, b) -> (b, a, k, k) and (a, b) -> (b, a), for convolutions of both directions."""
    return array.transpose(3, 2, 0, 1) if array.ndim == 4 else array.T


def _to_keras(tensor: Tensor) -> NDArray:
    array = tensor.detach().cpu().numpy()
    return np.array(array.transpose(2, 3, 1, 0) if array.ndim == 4 else array.T)
