"""The check that fails a run of which a source left out a ticker, when all else is computed."""

from collections.abc import Iterator

import dagster as dg

from options_platform.common import PartitionRange
from options_platform.contracts import EARNINGS, RAW_OHLCV, VIX
from options_platform.defs.shared.context import run_range
from options_platform.errors import FailedTickersError
from options_platform.services.market_data.failed_tickers import failed, in_words
from options_platform.services.market_data.platform import Platform
from options_platform.services.market_data.session_bounds import first_date, newest_date
from options_platform.settings import Settings

ANSWERS_STEP = "source_answers"
NAME = "answered"
DESCRIPTION = "The sources gave what each ticker needs."


def make_answers_check(settings: Settings) -> dg.AssetChecksDefinition:
    """The check. Its step fails with a bad ticker, and so the run, after all that can be done.

    No asset waits for it, so that the other tickers are computed, planned and traded.
    """

    @dg.multi_asset_check(
        name=ANSWERS_STEP,
        specs=[
            dg.AssetCheckSpec(
                NAME,
                asset=RAW_OHLCV.name,
                description=DESCRIPTION,
                additional_deps=[VIX.name, EARNINGS.name],
            )
        ],
    )
    def source_answers(
        context: dg.AssetCheckExecutionContext, platform: dg.ResourceParam[Platform]
    ) -> Iterator[dg.AssetCheckResult]:
        selected = run_range(context, settings) or PartitionRange(
            first_date(settings), newest_date(settings, platform.now()), settings.tickers
        )
        reasons = failed(platform.warehouse, selected.tickers, selected.end)
        text = in_words(reasons)
        yield dg.AssetCheckResult(
            asset_key=RAW_OHLCV.name,
            check_name=NAME,
            passed=not reasons,
            severity=dg.AssetCheckSeverity.ERROR,
            metadata={"failed": len(reasons)},
            description=text or None,
        )
        if reasons:
            raise FailedTickersError(text)

    return source_answers


def left_out_only(instance: dg.DagsterInstance, run_id: str) -> bool:
    """Whether a failed run computed and traded all tickers whose sources answered."""
    failures = instance.all_logs(run_id, of_type=dg.DagsterEventType.STEP_FAILURE)
    return {entry.step_key for entry in failures} == {ANSWERS_STEP}
