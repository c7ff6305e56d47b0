"""Preferences: of two answers to one question the better one is learned, the worse one unlearned.

`facellm rl RECIPE` with `algorithm: dpo`; see `rl.preferences.recipe`.
"""
