"""`python -m options_platform.adapters.tracking` creates MLflow's store, if the home has none.

For whatever serves the store: creating it there, while a run does the same, would damage it.
"""

from options_platform.adapters.tracking.client import open_client
from options_platform.settings import load_settings

if __name__ == "__main__":
    open_client(load_settings().home)
