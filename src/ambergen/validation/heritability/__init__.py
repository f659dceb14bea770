"""Heritability of traits by annotation: from files to regressions and tables."""
