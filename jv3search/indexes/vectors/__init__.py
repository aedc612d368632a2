"""Vector indexes: accelerators that are built from the catalog and can be built again at any time."""
