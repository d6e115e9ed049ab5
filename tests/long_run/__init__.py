"""A long run: services under mixed faults and misbehaving clients must not grow.

``python -m tests.long_run --minutes 60``; modules: `visitors` are the misbehaving clients,
`services` are sampled (by `probe`, inside their processes), `verdict` decides what is flat.
"""
