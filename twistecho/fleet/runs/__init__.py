"""Carrying out a plan, in this process or in several."""
