"""Warm kernels: a process that has only imported libraries forks an isolated kernel for each run.

Imports, kernel start and shutdown are most of what a small run costs. A *zygote* (``zygote``) imports a list of known
libraries once and then waits; each kernel is a fork of it, a process of its own with fresh memory, environment, random
state and working folder. It never runs user code and never computes before a fork: a started OpenMP pool would hang in
every child. The *provisioner* (``provisioner``) is jupyter_client's own extension point, so papermill and nbclient stay
as they are. What makes two kernels different at import time (interpreter, libraries, environment, limits) makes
different zygotes (``key``). Whatever goes wrong ends in an ordinary, cold kernel.

Only Linux has what this needs; elsewhere kernels are cold.
"""
