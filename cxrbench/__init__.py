"""cxrbench: one Keras 3 DCGAN for chest X-rays, measured on TensorFlow, PyTorch and JAX."""

__version__ = "0.1.0"
