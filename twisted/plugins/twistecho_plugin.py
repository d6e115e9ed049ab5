"""Tells Twisted about ``twist echo``; the module stays a string until it is used."""

from twisted.application.service import ServiceMaker

echo = ServiceMaker(
    "twistecho", "twistecho.tap", "An echo service that answers late, exactly as asked.", "echo"
)
