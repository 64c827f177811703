"""The control surface: what tests and trials see and do beside Graph, as another administrator or a guest."""
