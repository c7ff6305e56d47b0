"""Multiple choice over one or several pictures, in the layout of FaceXBench.

    FOLDER/*.json ──▶ question ──▶ endpoint or stored text ──▶ eval.read.choice ──▶ letter
                         └── gold, category ──▶ accuracy over all and by category ◀──┘

`python -m eval.multiple_choice RECIPE [key=value …]`. FaceXBench itself is the user's to get.
"""
