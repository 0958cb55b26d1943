"""Whether a plan fits in the working time, and what would have to be true."""
