"""A small HTTP server to put under load: `python -m tests.live_server PORT [background]`.

/ answers, /sleep waits first, /error answers 503, /hang does not answer in time, /quit ends the server,
/last does so after twenty answers.
With `background` it goes on in a process of its own session, whose starter ends at once.
"""

import os
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

served = []


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self):
        if self.path == "/quit":
            os._exit(0)
        if self.path == "/last":
            served.append(self.path)
            if len(served) > 20:
                os._exit(6)
        if self.path == "/sleep":
            time.sleep(0.01)
        if self.path == "/hang":
            time.sleep(30)
        body = b"x" * 500
        self.send_response(503 if self.path == "/error" else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815 - the name that http.server calls

    def log_message(self, *arguments):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


if __name__ == "__main__":
    if "background" in sys.argv and os.fork():
        os._exit(0)
    if "background" in sys.argv:
        os.setsid()
    Server(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
