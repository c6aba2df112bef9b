"""The notifications service: inbox, alerts, and the ways out by mail, Telegram and webhook."""
