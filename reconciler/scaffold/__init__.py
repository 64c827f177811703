"""The files of an adopter's repository: a tree, CI files that name a version of the product, and owners.

Values come in, contents of files go out. Nothing here asks, looks at a folder or writes, and no code of the
product is among the files.
"""

from reconciler.scaffold.choices import CI, OWNED, Choices, Owners, owner_flaw
from reconciler.scaffold.files import ADMINISTRATORS, PackageData, new_files
from reconciler.scaffold.source import Source, SourceFlaw, parse_source

__all__ = [
    "ADMINISTRATORS",
    "CI",
    "OWNED",
    "Choices",
    "Owners",
    "PackageData",
    "Source",
    "SourceFlaw",
    "new_files",
    "owner_flaw",
    "parse_source",
]
