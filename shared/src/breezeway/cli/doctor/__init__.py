"""`breezeway doctor`: finds the usual faults of an installation and says what to do about each."""
