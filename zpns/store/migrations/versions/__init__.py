"""
The migrations, one file each.

A migration is frozen: it imports nothing of zpns, because what it would import changes
with the version and the databases it has to deal with do not.
"""
