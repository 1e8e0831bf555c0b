"""Engines: each runs a Program. Their verbs are allocate, advance, spikes, state and restore."""
