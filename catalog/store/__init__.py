"""Durable files, named by the SHA-256 of their bytes: in a folder, on a shared file system, or in a bucket."""

from catalog.store.address import StoreAddress, open_store
from catalog.store.folder import FolderStore
from catalog.store.naming import clean_suffix, hash_file, location_of
from catalog.store.store import Store, Stored

__all__ = ["FolderStore", "Store", "StoreAddress", "Stored", "clean_suffix", "hash_file", "location_of", "open_store"]
