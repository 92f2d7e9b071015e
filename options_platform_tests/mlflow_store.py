"""MLflow's tracking store of a new home, copied from one that was created once."""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from options_platform.adapters.tracking.client import open_client


def give_store(home):
    """Put an empty store into a home without one: to create it takes a hundred migrations."""
    file = home / "mlflow.db"
    if not file.exists():
        home.mkdir(parents=True, exist_ok=True)
        file.write_bytes(_empty_store())


@cache
def _empty_store():
    with TemporaryDirectory() as folder:
        open_client(Path(folder))
        return (Path(folder) / "mlflow.db").read_bytes()
