"""The network guard: what is checked is what is connected to.

- `hermes_network.guard`: `Network`, the service other plugins ask for, and `Guard`, its judgement without a connection
- `hermes_network.client`: `Client`, guarded HTTP; `Response` and `Fetched`, what it gives
- `hermes_network.errors`: `AddressRefused` and `FetchFailed`
- `hermes_network.connections`: a guarded connector for aiohttp; `hermes_network.backends`: one for httpcore2
- `hermes_network.settings`: the sections `network` and `security`
"""
