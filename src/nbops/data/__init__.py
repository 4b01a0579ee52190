"""What is known of a table: its signature, its version, its profile.

This room looks at data and never keeps it: ``signature_of`` says what a model takes and answers, ``fingerprint`` names
the content of a table, ``profile_of`` sums it up in a few kilobytes that drift is measured against later. Storing the
results is left to those who ask.
"""

from __future__ import annotations

from nbops.data.fingerprint import Fingerprint, fingerprint
from nbops.data.profile import ColumnProfile, Profile, merged, profile_from_json, profile_of
from nbops.data.signature import signature_of

__all__ = [
    "ColumnProfile",
    "Fingerprint",
    "Profile",
    "fingerprint",
    "merged",
    "profile_from_json",
    "profile_of",
    "signature_of",
]
