"""Weights that no package brings: which are known, how they get here, and who accepted their licence."""
