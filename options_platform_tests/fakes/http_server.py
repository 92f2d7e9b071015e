"""A real HTTP server on 127.0.0.1 with faults on demand, to fake data providers."""

import threading
import time
from collections import deque
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlparse

HANG, DROP, BREAK_OFF, DRIP = "hang", "drop", "break off", "drip"
HTML = "<html><body>No server is available</body></html>"


class FakeServer:
    """Serves `answer`; `faults` are given out first, one a request for data.

    A fault is (status, body), (status, body, headers), or one of HANG (no answer), DROP (the
    connection closes at once), BREAK_OFF (it closes inside the body) and DRIP (a byte at a time).
    Its answers are dated `seconds_ahead` of this machine's clock.
    """

    def __init__(self):
        self.faults = deque()
        self.requests = []
        self.queries = []
        self.headers = []
        self.seconds_ahead = 0.0
        self.closing = threading.Event()
        self._lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                parts = urlparse(self.path)
                fault = outer.heard(unquote(parts.path), parse_qs(parts.query), self.headers)
                try:
                    self.send(fault or outer.answered(unquote(parts.path), parse_qs(parts.query)))
                except ConnectionError:
                    self.close_connection = True

            def send(self, answer):
                if answer in (HANG, DROP):
                    if answer == HANG:
                        outer.closing.wait(60)
                    self.close_connection = True
                    return
                if answer in (BREAK_OFF, DRIP):
                    self.send_response(200)
                    self.send_header("Content-Length", "100000")
                    self.end_headers()
                    self.wfile.write(b'{"chart": ')
                    while answer == DRIP and not outer.closing.wait(0.05):
                        self.wfile.write(b" ")
                        self.wfile.flush()
                    self.close_connection = True
                    return
                status, body, headers = (*answer, {})[:3]
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body.encode())))
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body.encode())

            def date_time_string(self, timestamp=None):
                return formatdate((timestamp or time.time()) + outer.seconds_ahead, usegmt=True)

            def log_message(self, *_):
                """Keep the test's output clean."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True)

    def heard(self, path, query, headers):
        with self._lock:
            self.requests.append(path)
            self.queries.append(query)
            self.headers.append(dict(headers))
            if self.faults and self.is_data(path):
                return self.faults.popleft()
        return None

    def is_data(self, path):
        return True

    def answer(self, path, query):
        """The body, or (status, body), of the answer to a request without a fault."""
        raise NotImplementedError

    def answered(self, path, query):
        given = self.answer(path, query)
        return given if isinstance(given, tuple) else (200, given)

    def count(self, part):
        return sum(part in path for path in self.requests)

    @property
    def address(self):
        return f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.closing.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()
