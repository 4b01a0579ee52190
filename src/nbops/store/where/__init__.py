"""The expression language of searches: ``metrics.accuracy > 0.9 and params.depth = 4 and not tags.draft = yes``.

Text becomes a tree of frozen structs, the tree becomes SQL in which every value is a parameter; nothing of the text is
ever pasted. Errors show the place. The grammar::

    expression = all ("or" all)*
    all        = one ("and" one)*
    one        = "not" one | "(" expression ")" | field operator value | field ["not"] "in" "(" value ("," value)* ")"
    field      = "params." name | "metrics." name | "tags." name | name of a run's own field
    name       = letters, digits, "_", ".", "-", "/" … or anything between backticks
    operator   = "=" | "!=" | "<" | "<=" | ">" | ">=" | "~" (contains, ignoring case)
    value      = number | "text" | 'text' | word | date | true | false | none

A comparison with something that a run does not have is false, ``!=`` too; ``params.depth = none`` asks
for exactly that.
"""

from __future__ import annotations

from nbops.store.where.reading import orders, parse
from nbops.store.where.tree import All, Any_, Compare, Condition, Field, Not, Order
from nbops.store.where.writing import condition, searches

__all__ = ["All", "Any_", "Compare", "Condition", "Field", "Not", "Order", "condition", "orders", "parse", "searches"]
