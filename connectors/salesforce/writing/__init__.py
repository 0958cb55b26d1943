"""From decided actions to the org's tasks, each step a fact, and back again."""
