"""Plan: from a month's quota back to the meetings, appointments and touches of each business day (method §5)."""
