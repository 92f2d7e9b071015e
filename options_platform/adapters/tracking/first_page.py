"""The page on which MLflow's UI opens: the newest scores of the models.

MLflow's own opens on tools for language models. The web server inserts a script into its page that
chooses the tools for model training and, without a page in the address, the newest scored run.
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from options_platform.adapters.tracking.experiments import DAGSTER_RUNS

SCORED_TAG = "options_platform.scored"
"""Tag of the runs whose description has the scores of a backfill's models."""
TRAINING = "workflowType=machine_learning"
CHOICES = {
    "mlflow.workflowType_v1": "machine_learning",
    "mlflow.assistant.fab.autoOpenedOnFirstLoad_v1": True,
    "mlflow.assistant.panelOpen_v1": False,
}
"""Settings that MLflow's UI keeps in the browser, set until a person has chosen otherwise."""
SCRIPT = """<script>
try {{
  for (const [key, value] of Object.entries({choices}))
    if (localStorage.getItem(key) === null) localStorage.setItem(key, JSON.stringify(value));
}} catch (error) {{ /* a browser without storage shows MLflow's own choices */ }}
if (!location.hash) {{
  location.replace({page});
  // MLflow folds a long description, which is what this page is opened for.
  const folded = new MutationObserver(() => {{
    const button = [...document.querySelectorAll("button")]
      .find(each => each.textContent === "Show more");
    if (button) {{ folded.disconnect(); button.click(); }}
  }});
  folded.observe(document, {{ childList: true, subtree: true }});
}}
</script>"""
NEWEST = """
SELECT r.experiment_id, r.run_uuid FROM runs r
JOIN experiments e ON e.experiment_id = r.experiment_id
LEFT JOIN tags t ON t.run_uuid = r.run_uuid AND t.key = ?
WHERE e.name = ? AND r.lifecycle_stage = 'active'
ORDER BY t.value IS NULL, r.start_time DESC LIMIT 1
"""


def run_page(experiment_id: str, run_id: str) -> str:
    """The address of a run's page, relative to that of the server."""
    return f"#/experiments/{experiment_id}/runs/{run_id}?{TRAINING}"


def first_page(home: Path) -> str:
    """The newest run with scores, else the newest run, else the list of experiments."""
    address = f"file:{quote(str(home / 'mlflow.db'))}?mode=ro"
    try:
        with closing(sqlite3.connect(address, uri=True, timeout=2.0)) as database:
            row = database.execute(NEWEST, [SCORED_TAG, DAGSTER_RUNS]).fetchone()
    except sqlite3.Error:
        # MLflow's own pages then say what is wrong with the store.
        row = None
    return f"#/experiments?{TRAINING}" if row is None else run_page(*map(str, row))


def with_first_page(page: str, home: Path) -> str:
    """MLflow's start page in HTML, with the script that opens the first page."""
    script = SCRIPT.format(choices=json.dumps(CHOICES), page=json.dumps(first_page(home)))
    return page.replace("<head>", f"<head>{script}", 1)
