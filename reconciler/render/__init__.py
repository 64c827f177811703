"""Turns plans, reports and problems into text for people: every function takes values and returns a string.

Nothing here reads a clock, a file of the user, the network or the environment; width, colour and links
arrive as arguments. Names and addresses come from strangers, so each medium has its own escape in
`escape`, and no renderer writes a value that has not gone through it.
"""
