"""The planner: from what people ask for to what will run, with the reason, the cost, and what is there already."""
