"""Tests of ``twist echo`` as one process."""
