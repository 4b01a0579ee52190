"""What is known of data: a table's signature, version and profile; an object's token and digest.

This room looks at data and never keeps it: ``signature_of`` says what a model takes and answers, ``fingerprint`` names
the content of a table and ``version`` that of any variable, ``profile_of`` sums a table up in a few kilobytes that
drift is measured against later. ``token``, ``digest`` and ``Watch`` tell what a cell did to the objects of its
notebook. Storing the results is left to those who ask.
"""

from __future__ import annotations

from nbops.data.allowance import Allowance
from nbops.data.changes import Changes, Watch
from nbops.data.digest import Digest, digest
from nbops.data.fingerprint import Fingerprint, fingerprint
from nbops.data.profile import ColumnProfile, Profile, merged, profile_from_json, profile_of
from nbops.data.randomness import numpy_state
from nbops.data.signature import signature_of
from nbops.data.tokens import token
from nbops.data.version import version

__all__ = [
    "Allowance",
    "Changes",
    "ColumnProfile",
    "Digest",
    "Fingerprint",
    "Profile",
    "Watch",
    "digest",
    "fingerprint",
    "merged",
    "numpy_state",
    "profile_from_json",
    "profile_of",
    "signature_of",
    "token",
    "version",
]
