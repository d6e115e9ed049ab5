"""The names of the designs that are compared."""

from twistecho.designs.names import NAMES

TWISTED = "twisted"
"""The design that is ``twist echo``."""

ALL_DESIGNS = (*NAMES, TWISTED)
"""The names of all designs, the notebook's and `TWISTED`, in the order in which they run."""
