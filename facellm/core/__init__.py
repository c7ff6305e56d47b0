"""The vocabulary every part shares: FACS, emotions, regions, samples, answers, errors. No torch."""
