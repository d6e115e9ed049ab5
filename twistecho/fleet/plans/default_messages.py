"""What clients send where they are told nothing else."""

NOTEBOOK_MESSAGE = b"Ola mundo da internet!"
"""What the notebook's clients send."""

OWN_MESSAGE = NOTEBOOK_MESSAGE + b" ({client}, {message})"
"""What clients send by default. No message is another one, or what another one begins with."""
