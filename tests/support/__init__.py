"""Shared parts of the tests: real parts put together small, never stand-ins for our own code."""
