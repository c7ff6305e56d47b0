"""Reinforcement learning that teaches the model to see."""
