"""A Honcho server for tests: the wire format of Honcho's API v3 over a real socket, strict where Honcho is strict.

It keeps what it is sent and can fail in the ways networks do::

    with HonchoServer(key="k") as server:
        ...  # point the SDK at server.url
        server.fail("messages", after=True)          # store the next messages, then cut the connection
        assert server.said("my-session") == [("alice", "Hello")]

Source of the format: the SDK honcho-ai 2.7.0 and the request schemas of https://github.com/plastic-labs/honcho.
"""

from __future__ import annotations

import email
import email.policy
import json
import re
import secrets
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec

__all__ = ["HonchoServer", "Received"]

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,512}")
_CONTENT = 25_000


class Received(msgspec.Struct, frozen=True):
    """A request. `route` is the kind of thing asked for, such as `messages` or `chat`."""

    method: str
    route: str
    path: str
    body: Any
    query: dict[str, str]
    headers: dict[str, str]


class _Fault(msgspec.Struct):
    route: str
    status: int
    after: bool
    times: int
    headers: dict[str, str]
    hold: threading.Event | None


class _Refused(Exception):
    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status


class HonchoServer:
    """A server on a free port of 127.0.0.1; a context manager."""

    def __init__(self, *, key: str = "") -> None:
        """With a `key` every request must bear it."""
        self.key = key
        self.requests: list[Received] = []
        self.sessions: dict[str, dict[str, Any]] = {}
        """By `workspace/name`: `peers`, and `messages` as the API gives them."""
        self.workspaces: set[str] = set()
        self.conclusions: list[dict[str, Any]] = []
        self.card = ["Likes tea"]
        self.representation = "The user builds boats."
        self.answer = "They prefer short answers."
        self._faults: list[_Fault] = []
        self._lock = threading.Lock()
        self.arrived = threading.Condition()
        """Notified when a request was handled, before it is answered."""
        server = self

        class Handler(_Handler):
            honcho = server

        self._http = _Listener(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def __enter__(self) -> HonchoServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for fault in self._faults:
            if fault.hold is not None:
                fault.hold.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def fail(
        self,
        route: str,
        status: int = 0,
        *,
        after: bool = False,
        times: int = 1,
        headers: dict[str, str] | None = None,
        hold: threading.Event | None = None,
    ) -> None:
        """Let the next requests for `route` fail: with a status, or by a cut connection where it is 0.

        `after` does what was asked first; `hold` waits for the event before failing.
        """
        self._faults.append(_Fault(route, status, after, times, headers or {}, hold))

    def said(self, session: str, workspace: str = "hermes") -> list[tuple[str, str]]:
        """Who said what in a session, in order."""
        found = self.sessions.get(f"{workspace}/{session}", {}).get("messages", [])
        return [(message["peer_id"], message["content"]) for message in found]

    def asked(self, route: str) -> list[Received]:
        """The requests for one kind of thing."""
        return [request for request in self.requests if request.route == route]

    # ---------------------------------------------------------------------------------------- answering requests

    def fault_for(self, route: str) -> _Fault | None:
        """The fault that meets this request, used up once."""
        with self._lock:
            for fault in self._faults:
                if fault.route == route and fault.times > 0:
                    fault.times -= 1
                    return fault
        return None

    def handle(self, request: Received) -> Any:
        """Do what was asked."""
        if self.key and request.headers.get("authorization") != f"Bearer {self.key}":
            raise _Refused(401, "Invalid API key")
        parts = request.path.strip("/").split("/")[1:]
        with self._lock:
            self.requests.append(request)
            if parts == ["workspaces"]:
                self.workspaces.add(_name(request.body, "id"))
                return {"id": request.body["id"], "metadata": {}, "configuration": {}, "created_at": _now()}
            workspace, rest = parts[1], parts[2:]
            if workspace not in self.workspaces:
                raise _Refused(404, "Workspace not found")
            if rest[0] == "peers":
                return self._peers(workspace, rest[1:], request)
            if rest[0] == "sessions":
                return self._sessions(workspace, rest[1:], request)
            if rest == ["conclusions"]:
                return self._conclude(request.body)
        raise _Refused(404, "Not Found")

    def _peers(self, workspace: str, rest: list[str], request: Received) -> Any:
        if not rest:
            return {
                "id": _name(request.body, "id"),
                "workspace_id": workspace,
                "created_at": _now(),
                "metadata": {},
                "configuration": {},
            }
        if rest[1:] == ["chat"]:
            allowed = {"query", "stream", "target", "session_id", "reasoning_level"}
            _only(request.body, allowed)
            if request.body.get("reasoning_level", "low") not in ("minimal", "low", "medium", "high", "max"):
                raise _Refused(422, "reasoning_level")
            if not 1 <= len(request.body["query"]) <= 10_000:
                raise _Refused(422, "query")
            return {"content": self.answer}
        raise _Refused(404, "Not Found")

    def _sessions(self, workspace: str, rest: list[str], request: Received) -> Any:
        if not rest:
            name = _name(request.body, "id")
            self.sessions.setdefault(f"{workspace}/{name}", {"peers": {}, "messages": []})
            return _session(workspace, name)
        if rest == ["list"]:
            names = [key.partition("/")[2] for key in self.sessions if key.startswith(f"{workspace}/")]
            return _page([_session(workspace, name) for name in names], request.query)
        session = self.sessions.get(f"{workspace}/{rest[0]}")
        if session is None:
            raise _Refused(404, "Session not found")
        match rest[1:]:
            case ["peers"]:
                for peer in request.body:
                    _check_name(peer)
                session["peers"].update(request.body)
                return _session(workspace, rest[0])
            case ["messages"]:
                return self._add(workspace, rest[0], session, request.body)
            case ["messages", "upload"]:
                form = dict(request.body)
                content = form.pop("file")
                message = {"peer_id": form["peer_id"], "content": content, "metadata": json.loads(form["metadata"])}
                return self._add(workspace, rest[0], session, {"messages": [message]})
            case ["messages", "list"]:
                wanted = ((request.body or {}).get("filters") or {}).get("metadata", {})
                found = [each for each in session["messages"] if wanted.items() <= each["metadata"].items()]
                return _page(found, request.query)
            case ["context"]:
                return self._context(rest[0], session, request.query)
        raise _Refused(404, "Not Found")

    def _add(self, workspace: str, name: str, session: dict[str, Any], body: dict[str, Any]) -> Any:
        if not 1 <= len(body["messages"]) <= 100:
            raise _Refused(422, "messages")
        made = []
        for message in body["messages"]:
            _only(message, {"content", "peer_id", "metadata", "configuration", "created_at"})
            _check_name(message["peer_id"])
            if len(message["content"]) > _CONTENT:
                raise _Refused(422, "content is too long")
            if "\x07" in message["content"]:
                raise _Refused(422, "content is refused")
            made.append(
                {
                    "id": secrets.token_hex(8),
                    "content": message["content"],
                    "peer_id": message["peer_id"],
                    "session_id": name,
                    "workspace_id": workspace,
                    "metadata": message.get("metadata") or {},
                    "created_at": message.get("created_at") or _now(),
                    "token_count": len(message["content"]) // 4,
                }
            )
        session["messages"].extend(made)
        return made

    def _context(self, name: str, session: dict[str, Any], query: dict[str, str]) -> Any:
        if "peer_perspective" in query and "peer_target" not in query:
            raise _Refused(422, "peer_target")
        about = query.get("peer_target", "")
        summary = {
            "content": "They spoke of sails.",
            "message_id": "m",
            "summary_type": "short",
            "created_at": _now(),
            "token_count": 5,
        }
        return {
            "id": name,
            "messages": [],
            "summary": summary if query.get("summary") == "true" and session["messages"] else None,
            "peer_representation": f"{self.representation} ({about})",
            "peer_card": self.card,
        }

    def _conclude(self, body: dict[str, Any]) -> Any:
        made = []
        for conclusion in body["conclusions"]:
            _only(conclusion, {"content", "observer_id", "observed_id", "session_id"})
            made.append({"id": secrets.token_hex(8), "created_at": _now(), **conclusion})
        self.conclusions.extend(made)
        return made


class _Listener(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a client that went away."""


class _Handler(BaseHTTPRequestHandler):
    honcho: HonchoServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_PUT(self) -> None:
        self._answer()

    def _answer(self) -> None:
        raw = self.rfile.read(int(self.headers.get("content-length", 0)))
        url = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = _form(headers["content-type"], raw) if "multipart" in headers.get("content-type", "") else _json(raw)
        query = {name: values[-1] for name, values in parse_qs(url.query).items()}
        route = _route(url.path)
        request = Received(self.command, route, url.path, body, query, headers)
        fault = self.honcho.fault_for(route)
        try:
            status, answer = (200, self.honcho.handle(request)) if fault is None or fault.after else (fault.status, {})
        except _Refused as refused:
            status, answer = refused.status, {"detail": str(refused)}
        with self.honcho.arrived:
            self.honcho.arrived.notify_all()
        if fault is not None and fault.hold is not None:
            fault.hold.wait(30)
        extra = fault.headers if fault is not None else {}
        if fault is not None and (fault.after or fault.status == 0):
            self.close_connection = True
        else:
            self._send(status, answer, extra)

    def _send(self, status: int, answer: Any, extra: dict[str, str]) -> None:
        data = json.dumps(answer).encode()
        self.send_response(status)
        for name, value in {"content-type": "application/json", "content-length": str(len(data)), **extra}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


def _route(path: str) -> str:
    """The kind of thing a path is about: its last part that is no name."""
    parts = path.strip("/").split("/")
    if parts[-1] == "list":
        return f"{parts[-2]}.list"
    return parts[-1]


def _json(raw: bytes) -> Any:
    return json.loads(raw) if raw else None


def _form(content_type: str, raw: bytes) -> dict[str, str]:
    message = email.message_from_bytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + raw)
    fields = {}
    for part in message.walk():
        name = part.get_param("name", header="content-disposition")
        payload = part.get_payload(decode=True)
        if name and isinstance(payload, bytes):
            fields[str(name)] = payload.decode("utf-8")
    return fields


def _session(workspace: str, name: str) -> dict[str, Any]:
    return {
        "id": name,
        "is_active": True,
        "workspace_id": workspace,
        "metadata": {},
        "configuration": {},
        "created_at": _now(),
    }


def _page(items: list[Any], query: dict[str, str]) -> dict[str, Any]:
    size, page = int(query.get("size", 50)), int(query.get("page", 1))
    pages = max(1, -(-len(items) // size))
    shown = items[(page - 1) * size : page * size]
    return {"items": shown, "page": page, "size": size, "total": len(items), "pages": pages}


def _name(body: dict[str, Any], key: str) -> str:
    _check_name(body[key])
    return str(body[key])


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise _Refused(422, f"{name!r} is no name")


def _only(body: dict[str, Any], allowed: set[str]) -> None:
    if unknown := set(body) - allowed:
        raise _Refused(422, f"extra fields: {sorted(unknown)}")


def _now() -> str:
    return datetime.now(UTC).isoformat()
