"""Where everything is kept: one interface, two databases, blobs by hash.

Rooms write records and read records; only this room knows SQL. ``open_store(settings)`` gives the project's store.
"""
