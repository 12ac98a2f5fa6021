"""Lettering: text in any of the world's usual scripts as coverage masks that are burned into pictures.

`draw.lettered` makes a mask of a text, `plate.plate` keeps it legible on paper and in the night, `digits.Counter`
draws running timecodes and frame numbers. The fonts are Debian's Noto fonts (`fonts`); nothing else is looked at, so
the same text has the same pixels on every machine with the same packages.
"""
