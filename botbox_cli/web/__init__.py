"""The HTTP API and the page of `botbox serve`: the same services as the commands, behind one guard.

`guard` lets in; `office` holds what the endpoints work with; each file of `routes` is one subject. FastAPI is only
imported by `serve` itself.
"""
