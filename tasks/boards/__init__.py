"""Boards drawn elsewhere (Storyboarder projects, folders of pictures) as a manifest that a person can edit."""
