"""Checking many files: definitions and templates, by rules with ids, told by line and column."""

from asfini.checking.files import FileResult, Finding, check_file
from asfini.checking.reports import summary, to_json, to_sarif, to_text
from asfini.checking.rules import RULES, Rule
from asfini.checking.settings import Settings, check_files, find_files, read_settings

__all__ = [
    "RULES",
    "FileResult",
    "Finding",
    "Rule",
    "Settings",
    "check_file",
    "check_files",
    "find_files",
    "read_settings",
    "summary",
    "to_json",
    "to_sarif",
    "to_text",
]
