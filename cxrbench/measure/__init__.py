"""Instruments: what machine this is, how much memory was used, and intervals for what was measured."""
