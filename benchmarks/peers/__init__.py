"""The systems that we measure ourselves against, as small as they can honestly be made."""
