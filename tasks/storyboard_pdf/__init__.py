"""A storyboard as a PDF: panels with their pictures, names, times, dialogue, action and notes, to print and mail."""

from tasks.storyboard_pdf.document import PerPage, write_storyboard_pdf
from tasks.storyboard_pdf.panel import PanelCell

__all__ = ["PanelCell", "PerPage", "write_storyboard_pdf"]
