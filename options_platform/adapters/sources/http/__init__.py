"""HTTP for sources and brokers: a session with time-outs, a rate limit, and retries."""
