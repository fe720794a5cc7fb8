"""Connections to brokers that pass sealed packets on, for pairs without a direct path."""
