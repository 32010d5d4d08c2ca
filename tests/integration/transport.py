"""How clients of the tests send ordinary requests: on connections of their own that are kept, without the third of the time that
urllib3's pool takes for proxies, retries and TLS, which are not there. Anything else goes the usual way."""

import http.client
import re
import time

import requests
import urllib3

ORDINARY = re.compile(r"http://127\.0\.0\.1:(\d+)(/[\w./?=&-]*)", re.ASCII)
IDLE_S = 30  # Nginx closes what was idle for 65 s (nginx/quickstart.conf.in)


def used(connection):
    """To be called with each answer on a connection that is kept."""
    connection.idle_since = time.monotonic()


def renewed(connection):
    """A kept connection, for the next request on it. One that the server has closed, or may close while the request is on its way, is
    closed, and the request opens another: whoever sends again would not know whether the first one was done."""
    idle = time.monotonic() - getattr(connection, "idle_since", 0.0)
    if connection.sock and (idle > IDLE_S or urllib3.util.wait_for_read(connection.sock, timeout=0.0)):
        connection.close()
    return connection


class Direct(requests.adapters.HTTPAdapter):
    def __init__(self):
        super().__init__()
        self.idle = []

    def send(self, request, stream=False, timeout=None, **options):
        address = ORDINARY.fullmatch(request.url)
        known = isinstance(request.body, (bytes, str, type(None))) and "User-Agent" in request.headers
        if stream or not address or not known or not isinstance(timeout, (int, float)):
            return super().send(request, stream=stream, timeout=timeout, **options)
        try:
            connection = self.connection(int(address[1]), timeout)
            return self.ask(connection, request, address[2])
        except (TimeoutError, urllib3.exceptions.ReadTimeoutError) as problem:
            raise requests.exceptions.ReadTimeout(problem, request=request) from problem
        except (OSError, http.client.HTTPException, urllib3.exceptions.HTTPError) as problem:
            raise requests.exceptions.ConnectionError(problem, request=request) from problem

    def connection(self, port, timeout):
        """One that is kept, unless the server has closed it meanwhile."""
        while self.idle:
            try:
                connection = self.idle.pop()
            except IndexError:  # another thread took it
                break
            if connection.port == port and renewed(connection).sock:
                connection.sock.settimeout(timeout)
                return connection
            connection.close()
        return http.client.HTTPConnection("127.0.0.1", port, timeout)

    def ask(self, connection, request, target):
        try:
            try:
                connection.request(request.method, target, request.body, request.headers)
            except BrokenPipeError:
                pass  # refused before it was all sent: the answer is there all the same
            answer = connection.getresponse()
            closes = answer.will_close
            raw = urllib3.HTTPResponse.from_httplib(answer, preload_content=True)
        except BaseException:
            connection.close()
            raise
        response = self.build_response(request, raw)
        response._content, response._content_consumed = raw.data, True
        if closes:
            connection.close()
        else:
            used(connection)
            self.idle.append(connection)
        return response

    def close(self):
        super().close()
        while self.idle:
            self.idle.pop().close()
