"""Code that tests share: peers, servers, clocks, samples; no tests."""

import os
from pathlib import Path

DOCS = Path(__file__).parent.parent.parent / "docs"
"""The folder of the documentation, whose examples are tested."""

MORE = 5 if "TWISTECHO_SOAK" in os.environ else 1
"""The factor for the number of examples of slow property tests: 5 in long runs."""
