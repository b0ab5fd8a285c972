"""The host as an MCP server."""
