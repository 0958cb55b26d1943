"""How likely the goals are, with the plan, at today's pace, and in the months after."""
