"""A long run: services under mixed faults and misbehaving clients must not grow.

``python -m tests.long_run --minutes 60``; modules: `visitors` misbehave, `services` are visited and
sampled (by `probe`, inside their processes), `verdict` says what is flat.
"""
