"""From an analysis to tables, figures and pages. Reads results, never trains."""
