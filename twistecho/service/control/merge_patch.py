"""JSON Merge Patch (RFC 7396): a document that says how another is to change."""

from typing import Any


def merged(document: Any, changes: Any) -> Any:
    """Give a document with the changes: null removes a member, and only objects are merged.

    Neither is changed itself.
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
