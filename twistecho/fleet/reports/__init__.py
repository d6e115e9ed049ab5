"""The results of a run, as values: outcomes, histograms, reports, verdicts."""
