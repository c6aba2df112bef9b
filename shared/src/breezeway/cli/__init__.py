"""Commands for operators: run the stack, look after it."""
