"""Keeping the product true in generated clips: putting it back, following it, and measuring how far it went.

`recompose` needs torch and is imported where a network runs; `track`, `measures` and `limits` need numpy and OpenCV.
"""
