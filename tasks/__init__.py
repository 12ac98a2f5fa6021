"""The planner and the stages: the only room where models, media and catalog meet."""
