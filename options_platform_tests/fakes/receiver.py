"""A real HTTP server on loopback that receives alerts, and is a watcher of heartbeats."""

import json
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread


class Receiver:
    def __init__(self):
        self.status, self.got, self.asked = 200, [], []

    @property
    def url(self):
        return f"json://user:{self.password}@127.0.0.1:{self.port}/alerts"

    @property
    def watcher(self):
        return f"http://127.0.0.1:{self.port}/ping/{self.password}"

    password = "canary-password"


@contextmanager
def receiver():
    found = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            length = int(self.headers["Content-Length"])
            body = json.loads(self.rfile.read(length))
            if found.status == 200:
                found.got.append((body["title"], body["message"]))
            self.send_response(found.status)
            self.end_headers()

        def do_GET(self):
            found.asked.append(self.path)
            self.send_response(found.status)
            self.send_header("Location", "/login")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *arguments):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.port = server.server_address[1]
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
