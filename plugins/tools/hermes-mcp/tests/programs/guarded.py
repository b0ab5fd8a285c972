"""A server on the official SDK behind OAuth 2.1; its port is its first line.

`guarded.py refuse` lets nobody in, `guarded.py steps` wants the right `more` for a call, `guarded.py never` is not
content with any rights.
"""

import secrets
import socket
import sys
import time

import uvicorn
from mcp.server.auth.provider import AccessToken, AuthorizationCode, RefreshToken, construct_redirect_uri
from mcp.server.auth.settings import AuthSettings, ClientRegistrationOptions
from mcp.server.mcpserver import MCPServer
from mcp.shared.auth import OAuthToken
from mcp_types import ToolAnnotations


class Provider:
    def __init__(self):
        self.clients, self.codes, self.access, self.refresh = {}, {}, {}, {}

    async def get_client(self, client_id):
        client = self.clients.get(client_id)
        return client and client.model_copy(update={"scope": "basic more"})

    async def register_client(self, client_info):
        self.clients[client_info.client_id] = client_info

    async def authorize(self, client, params):
        if sys.argv[1:] == ["refuse"]:
            return construct_redirect_uri(str(params.redirect_uri), error="access_denied", state=params.state)
        code = AuthorizationCode(
            code=secrets.token_hex(8),
            scopes=params.scopes or [],
            expires_at=time.time() + 60,
            client_id=client.client_id,
            code_challenge=params.code_challenge,
            redirect_uri=params.redirect_uri,
            redirect_uri_provided_explicitly=params.redirect_uri_provided_explicitly,
        )
        self.codes[code.code] = code
        return construct_redirect_uri(str(params.redirect_uri), code=code.code, state=params.state)

    async def load_authorization_code(self, client, code):
        return self.codes.get(code)

    async def exchange_authorization_code(self, client, code):
        del self.codes[code.code]
        return self.grant(client, code.scopes)

    def grant(self, client, scopes):
        access, refresh = secrets.token_hex(16), secrets.token_hex(16)
        self.access[access] = AccessToken(token=access, client_id=client.client_id, scopes=scopes)
        self.refresh[refresh] = RefreshToken(token=refresh, client_id=client.client_id, scopes=scopes)
        return OAuthToken(access_token=access, refresh_token=refresh, expires_in=3600, scope=" ".join(scopes) or None)

    async def load_refresh_token(self, client, token):
        return self.refresh.get(token)

    async def exchange_refresh_token(self, client, token, scopes):
        del self.refresh[token.token]
        return self.grant(client, scopes)

    async def load_access_token(self, token):
        return self.access.get(token)

    async def revoke_token(self, token):
        self.access.pop(token.token, None)


listener = socket.socket()
listener.bind(("127.0.0.1", 0))
listener.listen()
address = f"http://127.0.0.1:{listener.getsockname()[1]}"
provider = Provider()
server = MCPServer(
    "guarded",
    auth_server_provider=provider,
    auth=AuthSettings(
        issuer_url=address,
        resource_server_url=f"{address}/mcp",
        client_registration_options=ClientRegistrationOptions(enabled=True),
        required_scopes=["basic"] if sys.argv[1:] in (["steps"], ["never"]) else None,
        validate_token_resource=False,
    ),
)


@server.tool(annotations=ToolAnnotations(read_only_hint=True))
def secret() -> str:
    """What only those who signed in hear."""
    return "the tea is in the tin"


def with_rights(app):
    """Calls need a right that nobody has at first."""

    async def check(scope, receive, send):
        if scope["type"] != "http" or scope["method"] != "POST" or scope["path"] != "/mcp":
            return await app(scope, receive, send)
        message = await receive()
        token = dict(scope["headers"]).get(b"authorization", b"").decode().removeprefix("Bearer ")
        held = provider.access[token].scopes if token in provider.access else []
        if b'"tools/call"' in message["body"] and (sys.argv[1] == "never" or "more" not in held):
            wanted = b'Bearer error="insufficient_scope", scope="more"'
            await send({"type": "http.response.start", "status": 403, "headers": [(b"www-authenticate", wanted)]})
            return await send({"type": "http.response.body", "body": b"{}"})
        messages = [message]
        return await app(scope, lambda: receive() if not messages else _given(messages), send)

    return check


async def _given(messages):
    return messages.pop()


application = server.streamable_http_app()
if sys.argv[1:] in (["steps"], ["never"]):
    application = with_rights(application)
print(listener.getsockname()[1], flush=True)
uvicorn.Server(uvicorn.Config(application, log_level="error")).run(sockets=[listener])
