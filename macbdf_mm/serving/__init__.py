"""A server that scores uploaded videos: pages and JSON over HTTP."""
