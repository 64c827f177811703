"""What the product does on GitHub: comments, the drift issue, and which plans were approved by merging."""
