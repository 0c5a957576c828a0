"""Shows a run: progress, tables, report.html."""
