"""Layouts of dividends, splits and earnings dates."""

from __future__ import annotations

from options_platform.adapters.sources.files.layouts.layout import Layout

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
        as_traded=True,
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
        {"date": "ex dividend date", "dividend": "cash amount", "declared": "declaration date"},
        as_traded=True,
    ),
    Layout(
        "dividends with Ex-Dividend Date",
        "actions",
        {"date": "ex dividend date", "dividend": "cash amount"},
    ),
    Layout(
        "dividends of Investing.com",
        "actions",
        {"date": "ex dividend date", "dividend": "dividend"},
    ),
    Layout(
        "dividends of Tiingo",
        "actions",
        {"ticker": "ticker", "date": "exdate", "dividend": "distribution"},
        as_traded=True,
    ),
    Layout(
        "splits of Tiingo",
        "actions",
        {"ticker": "ticker", "date": "exdate", "split_ratio": "splitfactor"},
    ),
    Layout(
        "dividends of Financial Modeling Prep",
        "actions",
        {"date": "date", "dividend": "adjdividend"},
    ),
    Layout(
        "splits of Financial Modeling Prep",
        "actions",
        {"date": "date", "split_ratio": "numerator", "split_from": "denominator"},
    ),
    Layout("dividends of Twelve Data", "actions", {"date": "ex date", "dividend": "amount"}),
    Layout(
        "splits of Twelve Data",
        "actions",
        {"date": "date", "split_ratio": "from factor", "split_from": "to factor"},
    ),
    Layout("a date and a dividend", "actions", {"date": "date", "dividend": "dividend"}),
    Layout("a date and a split", "actions", {"date": "date", "split_ratio": "split"}),
    Layout("a date and a split", "actions", {"date": "date", "split_ratio": "split ratio"}),
    Layout("dividends with ex_date", "actions", {"date": "ex date", "dividend": "cash amount"}),
    Layout(
        "splits of Polygon",
        "actions",
        {"date": "execution date", "split_from": "split from", "split_ratio": "split to"},
    ),
)

# What the csv layout may add: how sure a date is, and since when it is known.
KNOWLEDGE = {"status": "status", "known_from": "known from"}

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
        "Zacks",
        "earnings",
        {"date": "date", "eps_estimate": "estimate", "eps_reported": "reported"},
        {"timing": "time"},
        order="mdy",
    ),
    Layout(
        "Investing.com",
        "earnings",
        {"date": "release date", "eps_reported": "eps"},
    ),
    Layout(
        "MarketBeat",
        "earnings",
        {"date": "date", "eps_estimate": "consensus estimate", "eps_reported": "reported eps"},
        order="mdy",
    ),
    Layout(
        "Finnhub's calendar",
        "earnings",
        {"ticker": "symbol", "date": "date", "timing": "hour"},
        {"eps_estimate": "epsestimate", "eps_reported": "epsactual"},
    ),
    Layout(
        "Benzinga's calendar",
        "earnings",
        {"ticker": "ticker", "date": "date", "timing": "time", "eps_reported": "eps"},
        {"eps_estimate": "eps est"},
    ),
    Layout(
        "I/B/E/S by WRDS",
        "earnings",
        {"ticker": "oftic", "date": "anndats"},
        {"timing": "anntims", "eps_reported": "value"},
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
        {"eps_estimate": "eps estimate", "eps_reported": "eps reported", **KNOWLEDGE},
    ),
    Layout(
        "the csv layout",
        "earnings",
        {"date": "date", "eps_reported": "eps reported"},
        {"eps_estimate": "eps estimate", **KNOWLEDGE},
    ),
    Layout("the csv layout", "earnings", {"date": "date", **KNOWLEDGE}, alone=True),
    Layout("the csv layout", "earnings", {"date": "date", "status": "status"}, alone=True),
    Layout("the csv layout", "earnings", {"date": "date", "known_from": "known from"}, alone=True),
    Layout("the csv layout", "earnings", {"date": "date"}, alone=True),
)
