"""What the tests share: peers, servers, clocks, samples; no tests."""

from pathlib import Path

DOCS = Path(__file__).parent.parent.parent / "docs"
"""The folder of the documentation, whose examples are tested."""
