"""The job that checks stops during a session, and its schedule, off until switched on."""

import dagster as dg

from options_platform.adapters.brokers import open_broker
from options_platform.adapters.storage.ledger import open_ledger
from options_platform.defs.jobs import order_tags
from options_platform.defs.shared.partitions import TIMEZONE
from options_platform.defs.shared.sending import begin_sending
from options_platform.domain.calendar.sessions import NEW_YORK, close_time, is_session, open_time
from options_platform.domain.trading.exposures import newest_closes
from options_platform.formats import count, usd
from options_platform.services.market_data.platform import Platform
from options_platform.services.trading.intraday_stops import IntradayCheck
from options_platform.services.trading.prices.stored_closes import readable_prices
from options_platform.services.trading.reports_ahead import readable_reports
from options_platform.services.trading.session import TradingSession
from options_platform.settings import Settings
from options_platform.settings.broker_rules import LIVE_NOTE

INTRADAY_JOB_NAME = "intraday_check"
EVERY_QUARTER = "*/15 9-15 * * 1-5"
ABOUT = (
    "Checks the stops of open positions and the kill switch at the broker's current quotes, and "
    "again while a quote is in doubt; closes positions, opens none."
)


def make_intraday_job(settings: Settings) -> dg.JobDefinition:
    """The job that checks the stops of the settings' account until no quote is in doubt."""
    about = f"{LIVE_NOTE} {ABOUT}" if settings.is_live else ABOUT

    @dg.op(description=about, out=dg.Out(dg.Nothing))
    def check_stops(context: dg.OpExecutionContext, platform: dg.ResourceParam[Platform]) -> None:
        begin_sending(context)
        if settings.is_live:
            context.log.warning(LIVE_NOTE)
        ledger, broker = open_ledger(settings), open_broker(settings)
        market, priced = readable_prices(settings, context.log.warning)
        reports = readable_reports(settings, platform.now(), context.log.warning)
        trading = TradingSession(
            ledger, broker, priced, closes=newest_closes(market), reports=reports
        )
        check = IntradayCheck(trading).watch(platform.now)
        context.add_output_metadata(
            {
                "checked": check.checked,
                "unpriced": list(check.unpriced),
                "stopped": dict(check.stopped),
                "equity_usd": check.equity_usd,
                "halted": check.halted or "no",
                "paused": check.paused or "no",
                "doubts": dict(check.doubts),
                **({"money": LIVE_NOTE} if settings.is_live else {}),
            }
        )
        context.log.info(
            f"{count(check.checked, 'position')} checked, {len(check.unpriced)} without sound "
            f"quotes, {len(check.stopped)} stopped; equity {usd(check.equity_usd)}"
        )
        if check.by_model:
            context.log.warning(
                f"quotes in doubt for too long, valued by the model: {', '.join(check.by_model)}"
            )

    @dg.job(
        name=INTRADAY_JOB_NAME,
        description=about,
        tags=order_tags(settings),
        executor_def=dg.in_process_executor,
    )
    def intraday_check() -> None:
        check_stops()

    return intraday_check


def make_intraday_schedule() -> dg.ScheduleDefinition:
    """The schedule of the job, every quarter of an hour of a session; off until switched on."""

    @dg.schedule(
        name="intraday_check_in_session",
        cron_schedule=EVERY_QUARTER,
        execution_timezone=TIMEZONE,
        job_name=INTRADAY_JOB_NAME,
        description="Every quarter of an hour while New York trades; off unless switched on.",
        default_status=dg.DefaultScheduleStatus.STOPPED,
    )
    def intraday_check_in_session(
        context: dg.ScheduleEvaluationContext,
    ) -> dg.RunRequest | dg.SkipReason:
        at = context.scheduled_execution_time.astimezone(NEW_YORK)
        day = at.date()
        if not is_session(day) or not open_time(day) <= at < close_time(day):
            return dg.SkipReason(f"New York is closed at {at:%Y-%m-%d %H:%M}")
        return dg.RunRequest(run_key=f"stops {at:%Y-%m-%d %H:%M}")

    return intraday_check_in_session
