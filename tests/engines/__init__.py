"""Tests of both engines: what one must do, the other must do too."""
