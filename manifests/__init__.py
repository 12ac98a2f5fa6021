"""What people ask for: the manifest's schema, its loader and the delivery presets."""
