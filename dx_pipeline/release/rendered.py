"""The names of what is rendered of a release: who counts the steps of a run need not import what does it."""

from __future__ import annotations

PAGES = ("pages_vi", "pages_en", "document_vi", "document_en", "downloads")
"""What is rendered from the pages of the report: the longest first."""

TABLES = ("workbook", "exchange")
"""What is rendered from the tables of the release."""
