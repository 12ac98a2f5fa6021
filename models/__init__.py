"""Engines that make frames from pictures, and the child process they live in."""
