"""What a run found, as values: outcomes, histograms, reports, verdicts."""
