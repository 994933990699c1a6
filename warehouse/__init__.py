"""Warehouse: the ClickHouse writer and readers, for a server and for the embedded engine."""
