"""Stable Video Diffusion: diffusers' networks under a sampler of our own (arXiv 2311.15127).

`checkpoint` and `settings` load no torch, so that planning needs none; everything else does.
"""
