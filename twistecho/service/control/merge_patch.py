"""JSON Merge Patch (RFC 7396): a document with the changes to another."""

from typing import Any


def merged(document: Any, changes: Any) -> Any:
    """Return a document with changes applied: null removes a member, and only objects are merged.

    The arguments are not changed.
    """
    if not isinstance(changes, dict):
        return changes
    result = dict(document) if isinstance(document, dict) else {}
    for name, change in changes.items():
        if change is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), change)
    return result
