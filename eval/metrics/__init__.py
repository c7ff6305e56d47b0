"""Metrics: numbers over many samples, each with its n and a 95 % interval clustered by subject.

Functions take one entry a sample and the subjects, and return name → `Interval`. A number that is
undefined has no value; it is never 0 or 1 by convention. What a model left unanswered is None (or
NaN) in the predictions: it counts as wrong where an answer can be wrong, and is left out of errors
in years or degrees, whose `answered` share then says so.
"""
