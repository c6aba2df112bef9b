"""ICICI Direct's Breeze: REST through the official SDK, our own feed client, frames and the security master."""
