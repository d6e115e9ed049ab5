"""A plan carried out, in this process or in several."""
