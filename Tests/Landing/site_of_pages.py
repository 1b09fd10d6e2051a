"""Serves pages on the loopback interface as the exporter does: with the Content-Security-Policy in
a header."""

import contextlib
import http.server
import threading

TYPE = "text/html; charset=utf-8"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        page = self.server.pages.get(self.path.partition("?")[0])
        self.send_response(200 if page else 404)
        self.send_header("Content-Type", TYPE)
        self.send_header("Content-Security-Policy", self.server.policy)
        self.end_headers()
        self.wfile.write(page or b"")

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def serve(pages, policy):
    """pages: bodies by their paths. Gives the address."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.pages = pages
    server.policy = policy
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
