"""The late path's reader: from a late event in the warehouse to its verdict in the log."""
