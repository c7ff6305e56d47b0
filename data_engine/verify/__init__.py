"""Verification: a text must agree with the labels, or it is rejected with the reason."""
