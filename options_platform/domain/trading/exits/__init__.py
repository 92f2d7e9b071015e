"""When an open position is closed: profit, loss, time, ex-dates, pin risk and the expiry."""
