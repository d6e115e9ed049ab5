"""Endpoints of the service, and how their connections are accepted."""
