"""Changes to a guest that no run makes: by administrators, other tools, persons, and in the tree."""
