"""The one definition of every verb: its options, its help, what it gives, which doors it has.

The shell, ``%nbops`` in a notebook, the REST routes and the documentation are all made from ``VERBS``. A verb's name is
the name of the ``Workspace`` method that does it, and its options are that method's arguments; a test holds them
together. A verb is listed here when it works, not before.
"""

from nbops.grammar.language import Option, Verb
from nbops.grammar.verbs import VERBS, verb_named

__all__ = ["VERBS", "Option", "Verb", "verb_named"]
