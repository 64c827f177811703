"""The resources that Graph serves, each with the rules of its reads and writes."""
