"""The control channel of a twin: HTTP on loopback, apart from the bus. `GET` tells the truth, `POST` breaks things."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Callable, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from airhandler.buildings.errors import AirhandlerError, UserError

_PATIENCE_S = 60.0
_MOST_BYTES = 65_536


class ControlChannel:
    """A server in threads of its own, until it is closed.

    Args:
        port: of 127.0.0.1; 0 takes a free one.
        tell: the truth, as JSON has it.
        do: does what a fault's name and words say, and returns it as it was understood. It may raise UserError.

    Raises UserError where the port cannot be had.
    """

    def __init__(
        self, port: int, *, tell: Callable[[], Mapping[str, object]], do: Callable[[str, Sequence[str]], str]
    ) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer(lambda: tell())

            def do_POST(self) -> None:
                self._answer(self._done)

            def _done(self) -> Mapping[str, object]:
                length = min(int(self.headers.get("Content-Length") or 0), _MOST_BYTES)
                name, words = _asked(self.rfile.read(length))
                return {"done": do(name, words)}

            def _answer(self, work: Callable[[], Mapping[str, object]]) -> None:
                try:
                    code, body = 200, work()
                except AirhandlerError as error:
                    code, body = 400, {"error": str(error)}
                content = json.dumps(body).encode()
                self.send_response(code)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: object) -> None:
                """Not for each request: what is done is logged as an event."""

        try:
            self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        except (OSError, OverflowError) as error:
            raise UserError(f"--control-port {port}: cannot be listened on: {error}") from error
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, name="twin-control", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Answers no more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def ask(url: str, name: str, words: Sequence[str]) -> str:
    """Does something to a running twin. Returns it as it was understood. Raises UserError."""
    return str(_request(url, "POST", json.dumps({"name": name, "words": list(words)}))["done"])


def truth(url: str) -> dict[str, Any]:
    """What a running twin is, whatever it shows on the bus. Raises UserError."""
    return _request(url, "GET", None)


def _request(url: str, method: str, body: str | None) -> dict[str, Any]:
    where = urlsplit(url)
    if where.scheme != "http" or not where.hostname:
        raise UserError(f"{url!r}: must be the address that `airhandler twin` logs, http://127.0.0.1:PORT")
    connection = http.client.HTTPConnection(where.hostname, where.port, timeout=_PATIENCE_S)
    try:
        connection.request(method, "/", body)
        answer = connection.getresponse()
        said: dict[str, Any] = json.loads(answer.read())
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise UserError(f"{url}: no twin answers there: {error}") from error
    finally:
        connection.close()
    if "error" in said:
        raise UserError(str(said["error"]))
    return said


def _asked(body: bytes) -> tuple[str, list[str]]:
    """Name and words of a request. Raises UserError."""
    try:
        raw = json.loads(body)
        name, words = raw["name"], raw.get("words", [])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError('the body must be {"name": "...", "words": ["...", ...]}') from error
    if not isinstance(name, str) or not isinstance(words, list):
        raise UserError("name must be a text, words a list of texts")
    return name, [str(word) for word in words]
