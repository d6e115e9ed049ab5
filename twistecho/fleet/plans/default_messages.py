"""The messages that clients send by default."""

NOTEBOOK_MESSAGE = b"Ola mundo da internet!"
"""The message that the notebook's clients send."""

OWN_MESSAGE = NOTEBOOK_MESSAGE + b" ({client}, {message})"
"""The default message. All are different, and none is the beginning of another."""
