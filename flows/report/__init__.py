"""The morning's report: what became of every shot of a night, as Markdown and as one page."""
