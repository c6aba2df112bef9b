"""Wake-ups and announcements over Redis."""
