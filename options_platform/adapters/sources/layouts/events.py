"""Layouts of dividends, splits and earnings dates."""

from __future__ import annotations

from options_platform.adapters.sources.layouts.layout import Layout

ACTIONS = (
    Layout(
        "the csv layout",
        "actions",
        {"date": "date", "dividend": "dividend", "split_ratio": "split ratio"},
    ),
    Layout(
        "yfinance's actions",
        "actions",
        {"date": "date", "dividend": "dividends", "split_ratio": "stock splits"},
    ),
    Layout(
        "dividends of Yahoo or EODHD",
        "actions",
        {"date": "date", "dividend": "dividends"},
    ),
    Layout("splits of Yahoo or EODHD", "actions", {"date": "date", "split_ratio": "stock splits"}),
    Layout(
        "dividends of Nasdaq.com",
        "actions",
        {"date": "ex eff date", "dividend": "cash amount"},
        order="mdy",
    ),
    Layout(
        "dividends of Alpha Vantage",
        "actions",
        {"date": "ex dividend date", "dividend": "amount"},
    ),
    Layout(
        "splits of Alpha Vantage",
        "actions",
        {"date": "effective date", "split_ratio": "split factor"},
    ),
    Layout(
        "dividends of Polygon",
        "actions",
        {"date": "ex dividend date", "dividend": "cash amount"},
    ),
    Layout("dividends with ex_date", "actions", {"date": "ex date", "dividend": "cash amount"}),
    Layout(
        "splits of Polygon",
        "actions",
        {"date": "execution date", "split_from": "split from", "split_ratio": "split to"},
    ),
)

EARNINGS = (
    Layout(
        "Alpha Vantage's calendar",
        "earnings",
        {"ticker": "symbol", "date": "reportdate", "eps_estimate": "estimate"},
        {"timing": "timeoftheday"},
    ),
    Layout(
        "yfinance",
        "earnings",
        {"date": "earnings date", "eps_estimate": "eps estimate", "eps_reported": "reported eps"},
    ),
    Layout(
        "DoltHub post-no-preference/earnings",
        "earnings",
        {"ticker": "act symbol", "date": "date", "timing": "when"},
    ),
    Layout(
        "EODHD's calendar",
        "earnings",
        {"ticker": "code", "date": "report date", "timing": "before after market"},
        {"eps_reported": "actual", "eps_estimate": "estimate"},
    ),
    Layout(
        "Financial Modeling Prep",
        "earnings",
        {"ticker": "symbol", "date": "date", "eps_reported": "eps", "eps_estimate": "epsestimated"},
        {"timing": "time"},
    ),
    Layout(
        "Alpha Vantage's history",
        "earnings",
        {"date": "reporteddate", "eps_reported": "reportedeps", "eps_estimate": "estimatedeps"},
        {"timing": "reporttime"},
    ),
    Layout(
        "a table with reported_date",
        "earnings",
        {"date": "reported date", "eps_reported": "reported eps"},
        {"eps_estimate": "estimated eps"},
    ),
    Layout(
        "the csv layout",
        "earnings",
        {"date": "date", "timing": "timing"},
        {"eps_estimate": "eps estimate", "eps_reported": "eps reported"},
    ),
    Layout(
        "the csv layout",
        "earnings",
        {"date": "date", "eps_reported": "eps reported"},
        {"eps_estimate": "eps estimate"},
    ),
    Layout("the csv layout", "earnings", {"date": "date"}, alone=True),
)
