"""For tests of notebooks' code and of pipelines: a project that ends with the test, and an engine without processes.

What is here are real implementations of the seams, so nothing of nbops has to be patched. Nothing of nbops imports it.
"""

from __future__ import annotations

from nbops.testing.project import project

__all__ = ["project"]
