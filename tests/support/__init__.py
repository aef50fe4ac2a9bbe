"""Helpers of the tests: real components at a small scale, fakes of servers, and builders of values."""
