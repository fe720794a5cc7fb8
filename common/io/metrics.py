"""`GET /metrics` for Prometheus and `GET /healthz`, on a thread of their own: a stuck loop must not silence them."""

from __future__ import annotations

import logging
import socket
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from socketserver import ThreadingMixIn
from threading import Lock, Thread
from typing import Any, Final
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import make_wsgi_app
from prometheus_client.registry import Collector

from sandpiper.common.errors import SandpiperError
from sandpiper.common.io.descriptors import EXHAUSTED, Spare, dismiss
from sandpiper.common.io.os_errors import reason
from sandpiper.common.limits import DOOR_AGAIN_S, METRICS_REQUEST_S, METRICS_REQUESTS

log = logging.getLogger("sandpiper.metrics")
STUCK_S = 5.0
_LISTENING_ENDS: Final = sys.platform == "linux"
"""Whether a listening socket can be shut down, which wakes whoever waits for it."""
_LOOK_S: Final = 3600.0 if _LISTENING_ENDS else 0.5
"""How often the thread looks whether it is to end."""
_HOST: Final = "127.0.0.1"
_UNPRIVILEGED, _HIGHEST = 1024, 65535
_USUAL: Final = 9464  # where exporters of one program's own metrics are by custom


class Samples(Collector):
    """A collector that reads the service's numbers when asked.

    `sample` gives name → (help, value); a `_total` name is a counter.
    """

    def __init__(self, sample: Callable[[], dict[str, tuple[str, float]]]) -> None:
        self._sample = sample

    def collect(self) -> Iterator[Metric]:
        """See prometheus_client."""
        for name, (text, value) in self._sample().items():
            family = CounterMetricFamily if name.endswith("_total") else GaugeMetricFamily
            yield family(f"sandpiper_{name}", text, value)


class _Quiet(WSGIRequestHandler):
    timeout = METRICS_REQUEST_S

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Scrapes are no news."""


class _Server(ThreadingMixIn, WSGIServer):
    """An HTTP server with a thread for each request, so that one that is never finished keeps nobody waiting; past a
    bound the oldest goes.

    Whatever a client does, it is no news either.
    """

    daemon_threads = True
    request_queue_size = METRICS_REQUESTS

    def __init__(self, *arguments: Any) -> None:
        self._lock = Lock()
        self._busy: dict[socket.socket, None] = {}
        self._spare = Spare()
        super().__init__(*arguments)
        self.socket.setblocking(False)

    def get_request(self) -> tuple[socket.socket, Any]:
        """See socketserver, which passes over an OSError."""
        try:
            return super().get_request()
        except OSError as error:
            if error.errno in EXHAUSTED:
                self._refuse()
            raise

    def _refuse(self) -> None:
        try:
            waiting = self._spare.accept(self.socket)
        except OSError:
            time.sleep(DOOR_AGAIN_S)
        else:
            if waiting is not None:
                dismiss(waiting)
        self._spare.keep()

    def process_request(self, request: Any, client_address: Any) -> None:
        """See socketserver."""
        with self._lock:
            if len(self._busy) >= METRICS_REQUESTS:
                oldest = next(iter(self._busy))
                del self._busy[oldest]
                with suppress(OSError):
                    oldest.shutdown(socket.SHUT_RDWR)
            self._busy[request] = None
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """See socketserver."""
        with self._lock:
            self._busy.pop(request, None)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """See socketserver."""
        if not isinstance(sys.exc_info()[1], OSError):
            log.exception("a request for metrics could not be answered")

    def server_close(self) -> None:
        """See socketserver."""
        super().server_close()
        self._spare.close()


def _open(port: int, app: Callable[[dict[str, Any], Any], Iterable[bytes]]) -> WSGIServer:
    try:
        return make_server(_HOST, port, app, server_class=_Server, handler_class=_Quiet)
    except OSError as error:
        other = port + 1 if _UNPRIVILEGED <= port < _HIGHEST else _USUAL
        raise SandpiperError(
            f"cannot serve metrics on {_HOST}, port {port}: {reason(error)}; "
            f"give another, such as --metrics-port {other}"
        ) from error


class MetricsServer:
    """A server of metrics on loopback, until closed.

    `beat` gives when the loop last turned, `trouble` what is wrong, if anything.

    Raises SandpiperError, not OSError, which the service would take for its own door's.
    """

    def __init__(
        self,
        port: int,
        sample: Callable[[], dict[str, tuple[str, float]]],
        beat: Callable[[], float],
        trouble: Callable[[], str | None],
    ) -> None:
        registry = CollectorRegistry(auto_describe=False)
        registry.register(Samples(sample))
        metrics = make_wsgi_app(registry)

        def app(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
            match environ.get("PATH_INFO"):
                case "/metrics":
                    page: Iterable[bytes] = metrics(environ, start)
                    return page
                case "/healthz":
                    stuck = time.monotonic() - beat()
                    wrong = trouble() or (f"the loop has not turned for {stuck:.0f} s" if stuck > STUCK_S else None)
                    start("503 Service Unavailable" if wrong else "200 OK", [("Content-Type", "text/plain")])
                    return [(wrong or "ok").encode() + b"\n"]
                case _:
                    start("404 Not Found", [("Content-Type", "text/plain")])
                    return [b"/metrics or /healthz\n"]

        self._server = _open(port, app)
        self._thread = Thread(target=self._server.serve_forever, args=(_LOOK_S,), name="metrics", daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        """The port that it got."""
        return self._server.server_port

    def close(self) -> None:
        """Stops serving."""
        if _LISTENING_ENDS:
            self._server.socket.shutdown(socket.SHUT_RDWR)
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
