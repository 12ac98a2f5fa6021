"""What people look at: pages, an API and events over the catalog. It acts through the `Actions` that it is given."""
