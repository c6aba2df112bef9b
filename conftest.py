"""Root of the test run: shared fixtures come from one plugin, so no folder's conftest grows into a heap."""

pytest_plugins = ["breezeway.testing.plugin"]
