"""Studies: files of hypotheses that `options-platform study` backtests, judges and stores.

The files here are shipped with the package; a user's own lie in the folder `studies` of the home,
or anywhere else under a path that ends in `.toml`.
"""

from options_platform.settings.studies.files import (
    GROUPS,
    Hypothesis,
    Study,
    Untried,
    read_study,
    study_names,
)

__all__ = ["GROUPS", "Hypothesis", "Study", "Untried", "read_study", "study_names"]
