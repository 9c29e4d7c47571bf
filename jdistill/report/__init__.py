"""Rows -> tables and pages; latency; energy, estimated and measured."""
