"""A gate's report in the forms that people and pipelines read: numbers in, text out."""

from __future__ import annotations

from toolkit.report.gate.document import gate_document
from toolkit.report.gate.github import annotation_lines, annotation_of_error
from toolkit.report.gate.junit import junit_of_error, junit_xml
from toolkit.report.gate.markdown import markdown_of_error, markdown_summary

__all__ = [
    "annotation_lines",
    "annotation_of_error",
    "gate_document",
    "junit_of_error",
    "junit_xml",
    "markdown_of_error",
    "markdown_summary",
]
