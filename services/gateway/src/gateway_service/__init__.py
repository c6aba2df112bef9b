"""The one door: REST proxy, WebSocket stream, OpenAPI and web app."""
