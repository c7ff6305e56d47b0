"""What a user would pick instead: plain classifiers of the expression, trained on the same faces.

    corpus ── train split ──▶ a timm network on face crops        ─┐
                          └─▶ MediaPipe blendshapes and boosting  ─┴─▶ NAME.csv, scored by `stored`

Nothing is chosen on the faces that are predicted: no best epoch, no tuned threshold.
"""
