"""Turns plans, reports and problems into text for people: every function takes values and returns a string.

A plan, a report and an approval become a view first, computed once: rows in order, sentences, counts. One
renderer for each medium is flat over the views.

Nothing here reads a clock, a file of the user, the network or the environment; width, colour and links
arrive as arguments. Names and addresses come from strangers, so each medium has its own escape in
`escape`: a view holds values raw, and no renderer writes a value that has not gone through its escape.
"""
