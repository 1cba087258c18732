"""The formats, one module for each family. They do not know each other."""
