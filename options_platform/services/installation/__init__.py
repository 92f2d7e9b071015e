"""What `doctor` says of the installation: the machine, the accounts, and what runs beside it.

What is in the databases and sources is checked in `services.market_data`, the pace of trading in
`services.backtesting`.
"""
