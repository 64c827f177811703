"""The query language of Graph's reads: filters, selections, pages and context URLs."""
