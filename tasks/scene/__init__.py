"""Scenes: shots assembled into one file, with the timeline that says what stands where."""
