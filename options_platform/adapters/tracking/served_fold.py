"""A fold model as MLflow serves it: columns named like the features in, predictions out.

MLflow runs this file to load the model ("models from code"), so that nothing is pickled; the
fold's files are its artifacts. A model that reads earlier sessions refuses single rows.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel

from options_platform.models.dataset import Sample, model_inputs
from options_platform.models.direction import shipped_direction
from options_platform.models.promotion import blend_of
from options_platform.models.stock_rows import names_among
from options_platform.models.volatility import shipped_volatility


class ServedFold(PythonModel):
    """Predicts from rows of `features` with the fold's files."""

    def load_context(self, context: Any) -> None:
        """Read the fold's files; `model_config` has their target and variant."""
        folder = Path(context.artifacts["fold"])
        self.files = {file.name: file.read_bytes() for file in sorted(folder.iterdir())}
        target, variant = context.model_config["target"], context.model_config["variant"]
        shipped: Any = shipped_direction if target == "direction" else shipped_volatility
        self.model = shipped(blend_of(target, variant))

    def predict(
        self,
        context: Any,  # noqa: ARG002 (MLflow's interface)
        model_input: pd.DataFrame,
        params: dict[str, Any] | None = None,  # noqa: ARG002
    ) -> pd.DataFrame:
        """One row of predictions per row of inputs; NaN if a required input is NaN."""
        names = (*model_inputs(), *names_among(model_input.columns))
        unknown = np.full(len(model_input), np.nan)
        no_date = np.full(len(model_input), np.datetime64("NaT"), dtype="datetime64[D]")
        sample = Sample(
            names=names,
            dates=no_date,
            known_on=no_date,
            inputs=model_input[list(names)].to_numpy(dtype=np.float64),
            direction=np.full(len(model_input), -1),
            fwd_return=unknown,
            fwd_iv_rank=unknown,
            fwd_rv=unknown,
            regime_differs=unknown,
        )
        return pd.DataFrame(self.model.predict(self.files, sample))


set_model(ServedFold())
