"""The documentation page of alerts: how they are sent, and what each of them means."""

from __future__ import annotations

from options_platform.domain.trading.alert_kinds import KINDS, SEVERITIES
from tools.markdown import table

HOW = """\
Set `OPTIONS_ALERT_URLS` in the environment to addresses in [Apprise's
notation](https://github.com/caronc/apprise/wiki), separated by spaces (`mailto://...`,
`slack://...`, `json://...`). The addresses are secrets: `options.toml` may not contain them, and
nothing prints them. A file that holds nothing else may, as it may hold the broker's keys
([secrets](container.md#settings-keys-and-addresses)). `options-platform alerts test` sends a
test.

Two sensors then run by default, as long as `options-platform ui` runs: `alert_on_failed_run` and
`alert_on_account`. A run from the shell, `options-platform daily`, sends at its end what they
would send.

## How a message is sent

- **Once.** Each condition is reported once while it lasts, to each address; one that can grow,
  such as a difference in cash, again when it has doubled. One that comes back with the same text
  within `alerts.same_within_minutes` of its end is the same one.
- **Until it is delivered.** Messages are written to `alerts.db` of the home before they are sent.
  An address that did not accept one gets it again at the next look of a sensor or at the end of
  the next run, whatever was killed meanwhile; the others do not. What ended before it could be
  delivered is still sent, with its end. Only a process that dies between the address's answer and
  the note of it sends a message twice.
- **By severity.** In `alerts.quiet_hours`, for example `"22:00-07:00"` in `alerts.quiet_zone`,
  only critical alerts are sent; the others wait until the hours end. By default no hour is quiet.
- **Until somebody answers.** A critical alert that lasts and that nobody has acknowledged after
  `alerts.escalate_after_minutes` is sent again, to the addresses of
  `OPTIONS_ALERT_ESCALATION_URLS`, without them to all; and so on, at most `alerts.escalations`
  times.

`options-platform alerts` shows what holds now, each with its severity and ID, since when, and
what was not delivered yet. `options-platform alerts --acknowledge ID --by NAME` notes who has
seen it: escalation ends, until the condition has doubled, or has ended and come back. The name is
in the account's audit, which the [dashboard](dashboard.md) shows; without `--by` it is the user
of this machine.

```toml
[alerts]
quiet_hours = "22:00-07:00"
quiet_zone = "Europe/Berlin"
escalate_after_minutes = 30
```

## Heartbeat

No alert arrives from a machine that is off. Set `OPTIONS_HEARTBEAT_URL`, a secret too, to the
address that a watcher elsewhere gives you (healthchecks.io, Uptime Kuma, Dead Man's Snitch, or
your own), and have it expect a call each trading day. It is asked by GET once after each daily
run that succeeded, by the sensor `heartbeat_after_daily` or by `options-platform daily` itself,
and again until it answers with a status from 200 to 299, for twelve hours. After a failed run it
is not asked: its silence is the alarm."""


def alerts_page(generated: str) -> str:
    """The whole page; `generated` is the notice on generated pages."""
    source = "`options_platform/domain/trading/alert_kinds.py` and `tools/alerts_page.py`"
    parts = ["# Alerts", generated.format(source=source), HOW]
    parts += [
        "## What each alert means",
        (
            "*Critical* ones disturb at any hour and escalate: money, or the record, is at risk "
            "until somebody acts. *Info* ones are no faults."
        ),
    ]
    for severity in SEVERITIES:
        rows = (
            (f"`{kind.name}`", kind.meaning, kind.action)
            for kind in KINDS
            if kind.severity == severity
        )
        parts += [f"### {severity.capitalize()}", table(("Alert", "Meaning", "What to do"), rows)]
    return "\n\n".join(parts) + "\n"
