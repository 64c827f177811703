"""Declares in git which address each Microsoft Entra B2B guest signs in with, and makes it so."""

__version__ = "0.1.0"
