"""What auth keeps in and sends through Redis."""
