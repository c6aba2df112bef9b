"""Ways out: mail, Telegram, webhooks."""
