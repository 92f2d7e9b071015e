"""The section on studies: what hypotheses earned where they were chosen and where checked."""

from options_platform.reporting.studies.section import studies_section

__all__ = ["studies_section"]
