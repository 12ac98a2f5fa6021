"""Timelines an editor can open, the folder they lie in, and the way back into the manifest."""
