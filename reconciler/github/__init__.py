"""The product's work on GitHub: comments, the drift issue, and the plans approved by merging."""
