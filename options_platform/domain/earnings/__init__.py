"""Earnings reports of stocks: what was known of their dates, and what options and prices show.

The reports of a ticker as they were known at a moment (`known_dates`), the record of what a source
said and when (`record`), several sources of one report (`merging`), and dates that trading
contradicts (`doubts`). Below them are the formulas: the session that reacts (`anchors`), moves of
past reports (`moves`), the variance that options price for a report (`straddles`,
`event_variance`), its collapse afterwards (`crush`), the volatility of a stock without option
chains (`stock_iv`), and how a stock moves with the market (`market_relation`).

Nothing is fetched or stored here. Which positions a report forbids belongs to `domain/planning` and
`domain/trading`.
"""
